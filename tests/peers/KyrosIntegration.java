import com.kyros.sdk.*;
import com.kyros.sdk.models.*;

public class KyrosIntegration {
    public static void main(String[] args) {
        // Initialize client
        KyrosClient client = new KyrosClient.Builder()
            .apiKey("your-api-key")
            .baseUrl("https://api.kyros.com")
            .build();
        
        // Create task
        Task task = new Task.Builder()
            .title("Implement user authentication")
            .description("Add JWT authentication with OAuth2 integration")
            .type(Task.Type.IMPLEMENTATION)
            .priority(Task.Priority.HIGH)
            .assigneeRole("implementer")
            .addAcceptanceCriterion("Users can register with email/password")
            .addAcceptanceCriterion("OAuth2 integration works")
            .addAcceptanceCriterion("JWT tokens properly validated")
            .build();
        
        try {
            Task createdTask = client.tasks().create(task);
            System.out.println("Task created: " + createdTask.getId());
            
            // Submit to agent
            AgentContext context = new AgentContext.Builder()
                .repositoryState("main branch at abc123")
                .addRecentChange("feat: Added user model")
                .addRecentChange("fix: Fixed authentication bug")
                .build();
            
            AgentSubmission submission = client.agents()
                .submit("implementer", createdTask.getId(), context);
            System.out.println("Task submitted: " + submission.getSubmissionId());
            
            // Monitor progress
            while (true) {
                TaskStatus status = client.tasks().getStatus(createdTask.getId());
                System.out.printf("Status: %s (%.1f%%)%n", 
                    status.getStatus(), status.getProgress().getPercentage());
                
                if (status.getStatus() == TaskStatus.Status.COMPLETED ||
                    status.getStatus() == TaskStatus.Status.FAILED) {
                    break;
                }
                
                Thread.sleep(30000);
            }
            
            // Get cost analysis
            CostAnalysis costs = client.monitoring().getCosts(CostAnalysis.Period.WEEK);
            System.out.printf("Total cost: $%.2f%n", costs.getTotalCost());
            System.out.printf("Savings: $%.2f%n", costs.getSavings().getVsPremiumOnly());
            
        } catch (KyrosException e) {
            System.err.println("Error: " + e.getMessage());
            e.printStackTrace();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
