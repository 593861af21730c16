package com.kyros.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Both packages can be imported with wildcards, one beside the other. */
class PackagesTest {
    @Test
    void noNameIsInBothPackagesOrInTheJdksUsualOnes() throws Exception {
        Path classes = Path.of(KyrosClient.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        Set<String> here = names(classes.resolve("com/kyros/sdk"));
        Set<String> models = names(classes.resolve("com/kyros/sdk/models"));
        assertTrue(here.contains("KyrosClient") && models.contains("Task"));
        Set<String> both = new HashSet<>(here);
        both.retainAll(models);
        assertEquals(Set.of(), both);
        here.addAll(models);
        for (String used : List.of("java.lang.", "java.util.", "java.time.")) {
            here.forEach(name -> assertThrows(ClassNotFoundException.class, () -> Class.forName(used + name)));
        }
    }

    private static Set<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString())
                .filter(name -> name.endsWith(".class") && !name.contains("$") && !name.startsWith("package-info"))
                .map(name -> name.replace(".class", "")).collect(Collectors.toSet());
        }
    }
}
