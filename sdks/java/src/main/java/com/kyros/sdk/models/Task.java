package com.kyros.sdk.models;

import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/** A piece of work: made of what you ask for, read as what became of it. */
public final class Task extends Model {
    /** Read of the API's JSON, such as a webhook's data. */
    public Task(Map<String, ?> json) {
        super(json);
    }

    /** The id, {@code task_…}. */
    public String getId() {
        return text("id");
    }

    /** What is to be done, in a line. */
    public String getTitle() {
        return text("title");
    }

    /** What is to be done, at length. */
    public String getDescription() {
        return text("description");
    }

    /** The kind of work. */
    public Type getType() {
        return word("type", Type::of);
    }

    /** How urgent it is. */
    public Priority getPriority() {
        return word("priority", Priority::of);
    }

    /** The role that does it, or begins it. */
    public String getAssigneeRole() {
        return text("assignee_role");
    }

    /** What must hold when it is done. */
    public List<String> getAcceptanceCriteria() {
        return texts("acceptance_criteria");
    }

    /** The files that it is about. */
    public List<String> getFilesToModify() {
        return texts("files_to_modify");
    }

    /** How hard it is said to be, or null. */
    public Complexity getComplexity() {
        return word("complexity", Complexity::of);
    }

    /** What the caller put there. */
    public Map<String, Object> getMetadata() {
        return map("metadata");
    }

    /** How long it may live. */
    public Long getDeadlineSeconds() {
        return integer("deadline_seconds");
    }

    /** What a newer task of the same key supersedes; null without one. */
    public String getDedupeKey() {
        return text("dedupe_key");
    }

    /** How it stands, in four words. */
    public TaskStatus.Status getStatus() {
        return word("status", TaskStatus.Status::of);
    }

    /** How it stands, precisely. */
    public State getState() {
        return word("state", State::of);
    }

    /** How far it is. */
    public Progress getProgress() {
        return one("progress", Progress::new);
    }

    /** What came of it; null before. */
    public Map<String, Object> getResult() {
        return map("result");
    }

    /** One sentence; null unless it failed. */
    public String getError() {
        return text("error");
    }

    /** Whether it was cancelled. */
    public boolean isCancelled() {
        return flag("cancelled");
    }

    /** What its calls of models cost, in USD. */
    public BigDecimal getCostUsd() {
        return money("cost_usd");
    }

    /** Calls whose price is not known, which are not in the cost. */
    public Long getUnpricedCalls() {
        return integer("unpriced_calls");
    }

    /** The tier of its last call: {@code economy} or {@code premium}; null before. */
    public String getModelTier() {
        return text("model_tier");
    }

    /** Whether it went to the premium tier. */
    public boolean isEscalated() {
        return flag("escalated");
    }

    /** Its current submission. */
    public String getSubmissionId() {
        return text("submission_id");
    }

    /** {@code test} or {@code live}. */
    public String getMode() {
        return text("mode");
    }

    /** Who made it: a key's, a user's or an application's id. */
    public String getCreatedBy() {
        return text("created_by");
    }

    /** When it was made. */
    public Instant getCreatedAt() {
        return moment("created_at");
    }

    /** When it changed last. */
    public Instant getUpdatedAt() {
        return moment("updated_at");
    }

    /** When work began, or null. */
    public Instant getStartedAt() {
        return moment("started_at");
    }

    /** When it ended, or null. */
    public Instant getCompletedAt() {
        return moment("completed_at");
    }

    /** When it fails unless it has ended. */
    public Instant getDeadlineAt() {
        return moment("deadline_at");
    }

    /** Its page, for people. */
    public String getUrl() {
        return text("url");
    }

    /** What is to be done; open, for agents of your own. */
    public static final class Type extends Word {
        /** The word {@code implementation}. */
        public static final Type IMPLEMENTATION = new Type("implementation");
        /** The word {@code review}. */
        public static final Type REVIEW = new Type("review");
        /** The word {@code deployment}. */
        public static final Type DEPLOYMENT = new Type("deployment");
        /** The word {@code security_review}. */
        public static final Type SECURITY_REVIEW = new Type("security_review");
        /** The word {@code vulnerability_scan}. */
        public static final Type VULNERABILITY_SCAN = new Type("vulnerability_scan");
        /** The word {@code compliance_check}. */
        public static final Type COMPLIANCE_CHECK = new Type("compliance_check");

        private static final Map<String, Type> KNOWN = known(
            IMPLEMENTATION, REVIEW, DEPLOYMENT,
            SECURITY_REVIEW, VULNERABILITY_SCAN, COMPLIANCE_CHECK);

        private Type(String word) {
            super(word);
        }

        /** The constant for a word, or a new word. */
        public static Type of(String word) {
            Type known = KNOWN.get(word);
            return known == null ? new Type(word) : known;
        }
    }

    /** How urgent it is. */
    public static final class Priority extends Word {
        /** The word {@code low}. */
        public static final Priority LOW = new Priority("low");
        /** The word {@code medium}. */
        public static final Priority MEDIUM = new Priority("medium");
        /** The word {@code high}. */
        public static final Priority HIGH = new Priority("high");
        /** The word {@code critical}. */
        public static final Priority CRITICAL = new Priority("critical");

        private static final Map<String, Priority> KNOWN = known(LOW, MEDIUM, HIGH, CRITICAL);

        private Priority(String word) {
            super(word);
        }

        /** The constant for a word, or a new word. */
        public static Priority of(String word) {
            Priority known = KNOWN.get(word);
            return known == null ? new Priority(word) : known;
        }
    }

    /** How hard it is. */
    public static final class Complexity extends Word {
        /** The word {@code low}. */
        public static final Complexity LOW = new Complexity("low");
        /** The word {@code medium}. */
        public static final Complexity MEDIUM = new Complexity("medium");
        /** The word {@code high}. */
        public static final Complexity HIGH = new Complexity("high");

        private static final Map<String, Complexity> KNOWN = known(LOW, MEDIUM, HIGH);

        private Complexity(String word) {
            super(word);
        }

        /** The constant for a word, or a new word. */
        public static Complexity of(String word) {
            Complexity known = KNOWN.get(word);
            return known == null ? new Complexity(word) : known;
        }
    }

    /** The precise state of a task. */
    public static final class State extends Word {
        /** The word {@code queued}. */
        public static final State QUEUED = new State("queued");
        /** The word {@code running}. */
        public static final State RUNNING = new State("running");
        /** The word {@code awaiting_approval}. */
        public static final State AWAITING_APPROVAL = new State("awaiting_approval");
        /** The word {@code completed}. */
        public static final State COMPLETED = new State("completed");
        /** The word {@code failed}. */
        public static final State FAILED = new State("failed");
        /** The word {@code cancelled}. */
        public static final State CANCELLED = new State("cancelled");

        private static final Map<String, State> KNOWN = known(
            QUEUED, RUNNING, AWAITING_APPROVAL,
            COMPLETED, FAILED, CANCELLED);

        private State(String word) {
            super(word);
        }

        /** The constant for a word, or a new word. */
        public static State of(String word) {
            State known = KNOWN.get(word);
            return known == null ? new State(word) : known;
        }
    }

    /** Makes a task to be created; what is not given is left to the API's default. */
    public static final class Builder {
        private final Fields fields = new Fields();

        /** What is to be done, in a line; required. */
        public Builder title(String title) {
            return set("title", title);
        }

        /** What is to be done, at length. */
        public Builder description(String description) {
            return set("description", description);
        }

        /** The kind of work. */
        public Builder type(Type type) {
            return set("type", type);
        }

        /** The kind of work, in any lower-case word that an agent of yours knows. */
        public Builder type(String type) {
            return set("type", type);
        }

        /** How urgent it is. */
        public Builder priority(Priority priority) {
            return set("priority", priority);
        }

        /** The role that does it, or an agent of yours by its id or capability. */
        public Builder assigneeRole(String role) {
            return set("assignee_role", role);
        }

        /** One thing more that must hold when it is done. */
        public Builder addAcceptanceCriterion(String criterion) {
            fields.add("acceptance_criteria", criterion);
            return this;
        }

        /** All that must hold when it is done. */
        public Builder acceptanceCriteria(List<String> criteria) {
            return set("acceptance_criteria", criteria);
        }

        /** One file more that it is about. */
        public Builder addFileToModify(String path) {
            fields.add("files_to_modify", path);
            return this;
        }

        /** All the files that it is about. */
        public Builder filesToModify(List<String> paths) {
            return set("files_to_modify", paths);
        }

        /** How hard it is. */
        public Builder complexity(Complexity complexity) {
            return set("complexity", complexity);
        }

        /** Anything of yours, which comes back as it was sent. */
        public Builder metadata(Map<String, ?> metadata) {
            return set("metadata", metadata);
        }

        /** What its models are shown beside it. */
        public Builder context(AgentContext context) {
            return set("context", context);
        }

        /** A newer task of the same key supersedes this one. */
        public Builder dedupeKey(String key) {
            return set("dedupe_key", key);
        }

        /** How long it may live, in whole seconds. */
        public Builder deadline(Duration deadline) {
            return set("deadline_seconds", deadline.toSeconds());
        }

        /** Any field, under the API's name for it; also one that is newer than this SDK. */
        public Builder set(String name, Object value) {
            fields.set(name, value);
            return this;
        }

        /** The task. Throws IllegalArgumentException for what JSON can't say. */
        public Task build() {
            return new Task(fields.all());
        }
    }
}
