# Read by bash before a sample (BASH_ENV): its pauses are short, its text is as printed.
sleep() { command sleep 0.3; }
export -f sleep
