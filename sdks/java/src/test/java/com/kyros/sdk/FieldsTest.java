package com.kyros.sdk;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Method;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Every field that the API answers has a getter (tests/vectors/README.md, "The fields"). */
class FieldsTest {
    @TestFactory
    Stream<DynamicTest> models() {
        Map<String, Object> models = CasesTest.map(CasesTest.read(CasesTest.VECTORS.resolve("sdk_fields.json")));
        assertTrue(models.containsKey("Task"));
        return models.entrySet().stream().map(model -> DynamicTest.dynamicTest(model.getKey(),
            () -> compare(named(model.getKey()), CasesTest.map(model.getValue()))));
    }

    private static Class<?> named(String model) throws ClassNotFoundException {
        return Class.forName("com.kyros.sdk.models." + (model.equals("Costs") ? "CostAnalysis" : model));
    }

    private static void compare(Class<?> model, Map<String, Object> fields) {
        fields.forEach((name, mayLack) -> {
            Method getter = CasesTest.getter(model, name);
            assertNotNull(getter, name);
            assertFalse((Boolean) mayLack && getter.getReturnType().isPrimitive(), name + " can't be null");
        });
    }
}
