from prometheus_client import start_http_server, Gauge, Counter, Histogram
import time
import requests
import threading

class KyrosMetricsExporter:
    def __init__(self, kyros_api_key):
        self.kyros_api_key = kyros_api_key
        self.headers = {'Authorization': f'Bearer {kyros_api_key}'}
        
        # Define Prometheus metrics
        self.task_completion_rate = Gauge(
            'kyros_task_completion_rate',
            'Task completion rate percentage'
        )
        
        self.average_response_time = Gauge(
            'kyros_average_response_time_seconds',
            'Average response time in seconds'
        )
        
        self.daily_cost = Gauge(
            'kyros_daily_cost_dollars',
            'Daily cost in USD'
        )
        
        self.escalation_rate = Gauge(
            'kyros_escalation_rate_percentage',
            'Escalation rate percentage'
        )
        
        self.tasks_total = Counter(
            'kyros_tasks_total',
            'Total number of tasks',
            ['status', 'type']
        )
        
        self.model_usage_total = Counter(
            'kyros_model_usage_total',
            'Total model usage',
            ['model', 'role']
        )
    
    def collect_metrics(self):
        """Collect metrics from Kyros API"""
        try:
            # Get performance metrics
            response = requests.get(
                'https://api.kyros.com/v1/monitoring/metrics?period=1h',
                headers=self.headers
            )
            metrics = response.json()['data']['metrics']
            
            # Update Prometheus metrics
            self.task_completion_rate.set(metrics['task_completion_rate']['average'])
            self.average_response_time.set(metrics['average_response_time']['average'])
            self.escalation_rate.set(metrics['escalation_rate']['average'])
            
            # Get cost metrics
            cost_response = requests.get(
                'https://api.kyros.com/v1/monitoring/costs?period=1d',
                headers=self.headers
            )
            costs = cost_response.json()['data']
            self.daily_cost.set(costs['total_cost'])
            
            # Get task statistics
            tasks_response = requests.get(
                'https://api.kyros.com/v1/tasks?limit=100',
                headers=self.headers
            )
            tasks = tasks_response.json()['data']['tasks']
            
            for task in tasks:
                self.tasks_total.labels(
                    status=task['status'],
                    type=task['type']
                ).inc()
        
        except Exception as e:
            print(f"Error collecting metrics: {e}")
    
    def start_server(self, port=8000):
        """Start Prometheus metrics server"""
        start_http_server(port)
        
        # Start metrics collection thread
        def collect_loop():
            while True:
                self.collect_metrics()
                time.sleep(60)  # Collect every minute
        
        thread = threading.Thread(target=collect_loop, daemon=True)
        thread.start()

# Usage
if __name__ == '__main__':
    exporter = KyrosMetricsExporter('your-kyros-api-key')
    exporter.start_server(port=8000)
    
    print("Prometheus metrics exporter running on port 8000")
    print("Metrics available at: http://localhost:8000/metrics")
