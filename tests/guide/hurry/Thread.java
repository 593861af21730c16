/** Found before java.lang.Thread by a sample beside it: its pauses are short. */
final class Thread {
    static void sleep(long milliseconds) throws InterruptedException {
        java.lang.Thread.sleep(Math.min(milliseconds, 300));
    }

    static java.lang.Thread currentThread() {
        return java.lang.Thread.currentThread();
    }
}
