from kyros import KyrosClient
from kyros.models import Task, AgentContext

# Initialize client
client = KyrosClient(
    api_key='your-api-key',
    base_url='https://api.kyros.com'
)

# Create a task
task = Task(
    title='Implement user authentication',
    description='Add JWT authentication with OAuth2 integration',
    type='implementation',
    priority='high',
    assignee_role='implementer',
    acceptance_criteria=[
        'Users can register with email/password',
        'OAuth2 integration works',
        'JWT tokens properly validated'
    ]
)

created_task = client.tasks.create(task)
print(f"Task created: {created_task.id}")

# Submit to agent
context = AgentContext(
    repository_state='main branch at abc123',
    recent_changes=[
        'feat: Added user model',
        'fix: Fixed authentication bug'
    ]
)

submission = client.agents.submit('implementer', created_task.id, context)
print(f"Task submitted: {submission.submission_id}")

# Monitor progress
while True:
    status = client.tasks.get_status(created_task.id)
    print(f"Status: {status.status} ({status.progress.percentage}%)")
    
    if status.status in ['completed', 'failed']:
        break
    
    time.sleep(30)

# Get cost analysis
costs = client.monitoring.get_costs(period='7d')
print(f"Total cost: ${costs.total_cost:.2f}")
print(f"Savings: ${costs.savings.vs_premium_only:.2f}")
