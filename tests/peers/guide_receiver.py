from flask import Flask, request, jsonify
import hmac
import hashlib

app = Flask(__name__)
WEBHOOK_SECRET = 'your-webhook-secret'

@app.route('/webhooks/kyros', methods=['POST'])
def handle_webhook():
    # Verify signature
    signature = request.headers.get('X-Kyros-Signature')
    payload = request.get_data()
    
    expected_signature = hmac.new(
        WEBHOOK_SECRET.encode(),
        payload,
        hashlib.sha256
    ).hexdigest()
    
    if not hmac.compare_digest(signature, expected_signature):
        return jsonify({'error': 'Invalid signature'}), 401
    
    # Process webhook event
    event = request.json
    event_type = event.get('type')
    data = event.get('data')
    
    if event_type == 'task.created':
        handle_task_created(data)
    elif event_type == 'task.completed':
        handle_task_completed(data)
    elif event_type == 'escalation.approved':
        handle_escalation_approved(data)
    
    return jsonify({'status': 'received'}), 200

def handle_task_created(task_data):
    print(f"New task created: {task_data['title']}")
    # Send notification to team
    # Update project management system
    # Log to analytics

def handle_task_completed(task_data):
    print(f"Task completed: {task_data['title']}")
    # Update project status
    # Send completion notification
    # Trigger downstream processes

def handle_escalation_approved(escalation_data):
    print(f"Escalation approved: {escalation_data['task_id']}")
    # Notify stakeholders
    # Update cost tracking
    # Log escalation metrics

if __name__ == '__main__':
    app.run(port=5000)
