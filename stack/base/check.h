/* Assertions that stay on in every build.
 *
 * CHECK states a fact about our own code. Bytes from the network, files and users must never be
 * able to trip one: those are validated and answered with an error code (err.h). */
#ifndef STACK_BASE_CHECK_H
#define STACK_BASE_CHECK_H

#define CHECK(cond) ((cond) ? (void)0 : check_failed(#cond, __FILE__, __LINE__))
#define UNREACHABLE() check_failed("unreachable", __FILE__, __LINE__)

/* Exit status of a program that found its own invariant broken. */
#define CHECK_EXIT_STATUS 3

/* Prints the condition and its place to stderr, runs the hook, ends the process. */
__attribute__((cold)) _Noreturn void check_failed(const char *condition, const char *file, int line);

/* One function to run before the process ends (say: flush what was recorded). NULL removes it. */
void check_set_hook(void (*hook)(void));

#endif
