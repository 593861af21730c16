const express = require('express');
const crypto = require('crypto');
const app = express();

app.use(express.json());

const WEBHOOK_SECRET = 'your-webhook-secret';

app.post('/webhooks/kyros', (req, res) => {
    const signature = req.headers['x-kyros-signature'];
    const payload = JSON.stringify(req.body);
    
    const expectedSignature = crypto
        .createHmac('sha256', WEBHOOK_SECRET)
        .update(payload)
        .digest('hex');
    
    if (signature !== expectedSignature) {
        return res.status(401).json({ error: 'Invalid signature' });
    }
    
    const { type, data } = req.body;
    
    switch (type) {
        case 'task.created':
            handleTaskCreated(data);
            break;
        case 'task.completed':
            handleTaskCompleted(data);
            break;
        case 'escalation.approved':
            handleEscalationApproved(data);
            break;
    }
    
    res.json({ status: 'received' });
});

function handleTaskCreated(task) {
    console.log(`New task created: ${task.title}`);
    // Integration logic here
}

function handleTaskCompleted(task) {
    console.log(`Task completed: ${task.title}`);
    // Integration logic here
}

function handleEscalationApproved(escalation) {
    console.log(`Escalation approved: ${escalation.task_id}`);
    // Integration logic here
}

app.listen(5000, () => {
    console.log('Webhook server running on port 5000');
});
