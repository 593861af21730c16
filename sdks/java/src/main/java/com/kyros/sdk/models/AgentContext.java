package com.kyros.sdk.models;

import java.util.List;
import java.util.Map;

/** What the models are shown beside a task; any field may be added. */
public final class AgentContext extends Model {
    /** Read of the API's JSON. */
    public AgentContext(Map<String, ?> json) {
        super(json);
    }

    /** Where the repository stands. */
    public String getRepositoryState() {
        return text("repository_state");
    }

    /** What was changed lately. */
    public List<String> getRecentChanges() {
        return texts("recent_changes");
    }

    /** From paths to texts. */
    public Map<String, Object> getFiles() {
        return map("files");
    }

    /** Makes a context. */
    public static final class Builder {
        private final Fields fields = new Fields();

        /** Where the repository stands. */
        public Builder repositoryState(String state) {
            return set("repository_state", state);
        }

        /** One change more. */
        public Builder addRecentChange(String change) {
            fields.add("recent_changes", change);
            return this;
        }

        /** All changes. */
        public Builder recentChanges(List<String> changes) {
            return set("recent_changes", changes);
        }

        /** The text of one file more. */
        public Builder putFile(String path, String text) {
            fields.put("files", path, text);
            return this;
        }

        /** Any field, under the API's name for it; also one that is newer than this SDK. */
        public Builder set(String name, Object value) {
            fields.set(name, value);
            return this;
        }

        /** The context. Throws IllegalArgumentException for what JSON can't say. */
        public AgentContext build() {
            return new AgentContext(fields.all());
        }
    }
}
