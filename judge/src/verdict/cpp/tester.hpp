// Asserted tests in C++, the process of the tests: the function they call is a stub that asks the program through the
// channel. Reports on standard error, which the program cannot reach; the last line counts.
#include <exception>
#include <signal.h>
#include <stdexcept>
#include <stdlib.h>
#include <string>
namespace rlef_driver {
static Out call, reply;
static unsigned calls;
/// Whether the last call ended by an exception, and which.
static bool has_raised;
static std::string words, kind;

static void append(char *text, Size &length, const Byte *bytes, Size count) {
    const char *digits = "0123456789abcdef";
    text[length++] = ' ';
    if (!count) text[length++] = '-';
    // Enough for a person to read.
    for (Size index = 0; index < count && index < 8192; index++) {
        text[length++] = digits[bytes[index] >> 4];
        text[length++] = digits[bytes[index] & 15];
    }
}

/// The last line: cause, calls, and as hexadecimal digits the call, the reply and some words.
static void report(const char *cause, const char *detail = "") {
    static char text[64 * 1024];
    static bool said;
    if (said) return;
    said = true;
    const char *name = "\nrlef-report ";
    Size length = __builtin_strlen(name);
    __builtin_memcpy(text, name, length);
    const Size size = __builtin_strlen(cause);
    __builtin_memcpy(text + length, cause, size);
    length += size;
    text[length++] = ' ';
    char number[16];
    int count = 0;
    for (unsigned rest = calls; rest || !count; rest /= 10) number[count++] = static_cast<char>('0' + rest % 10);
    while (count) text[length++] = number[--count];
    append(text, length, call.data + (call.size ? 4 : 0), call.size ? call.size - 4 : 0);
    append(text, length, reply.data, reply.size);
    append(text, length, reinterpret_cast<const Byte *>(detail), __builtin_strlen(detail));
    text[length++] = '\n';
    all(SYS_write, 2, reinterpret_cast<Byte *>(text), length);
}

[[noreturn]] static void leave(const char *cause, const char *detail = "") {
    report(cause, detail);
    for (;;) rlef_system(SYS_exit_group, 1);
}

/// What the program threw, where its class is no standard one.
struct Thrown : std::exception {
    const char *what() const noexcept override { return words.c_str(); }
};

[[noreturn]] static void rethrow(long long number) {
    has_raised = true;
    if (kind == "i") throw static_cast<int>(number);
    if (kind == "PKc") throw static_cast<const char *>(words.c_str());
    if (kind == "St9bad_alloc") throw std::bad_alloc();
    if (kind == "St16invalid_argument") throw std::invalid_argument(words);
    if (kind == "St12out_of_range") throw std::out_of_range(words);
    if (kind == "St12length_error") throw std::length_error(words);
    if (kind == "St12domain_error") throw std::domain_error(words);
    if (kind == "St11logic_error") throw std::logic_error(words);
    if (kind == "St13runtime_error") throw std::runtime_error(words);
    if (kind == "St11range_error") throw std::range_error(words);
    if (kind == "St14overflow_error") throw std::overflow_error(words);
    if (kind == "St15underflow_error") throw std::underflow_error(words);
    throw Thrown();
}

template <class> struct Call;
template <class R, class... P> struct Call<R(P...)> {
    static_assert(__is_same(R, typename Plain<R>::type),
        "a result that is a reference cannot cross between processes");

    template <class... A> static R run(A &...arguments) {
        call.size = 0;
        call.put("\0\0\0", 4);
        (put<typename Plain<P>::type>(call, arguments), ...);
        has_raised = false;
        if (call.size - 4 > longest) leave("large");
        if (!send(call) || !receive(reply)) {
            reply.size = 0;
            leave("gone");
        }
        calls++;
        In in{reply.data, reply.data + reply.size};
        if (in.at < in.end && *in.at == 'X') leave("range");
        if (in.at < in.end && *in.at == 'E') {
            in.at++;
            long long number = 0;
            if (!get(in, kind) || !get(in, words) || !get(in, number) || in.at != in.end) leave("broken");
            reply.size = 0;
            rethrow(number);
        }
        if (!in.tag('R') || !(back<P>(in, arguments) && ... && true)) leave("broken");
        if constexpr (__is_same(R, void)) {
            if (in.at != in.end) leave("broken");
        } else {
            R result{};
            if (!get(in, result) || in.at != in.end) leave("broken");
            return result;
        }
    }

    template <class Parameter, class T> static bool back(In &in, T &value) {
        if constexpr (Back<Parameter>::value) {
            typename Plain<Parameter>::type changed{};
            if (!get(in, changed)) return false;
            value = static_cast<typename Plain<Parameter>::type &&>(changed);
        }
        return true;
    }
};

static void uncaught() {
    if (has_raised) leave("raised", (kind + '\n' + words).c_str());
    try {
        throw;
    } catch (const std::exception &error) {
        leave("tests", error.what());
    } catch (...) {
        leave("tests", "");
    }
}

static void signalled(int number) { leave(number == SIGABRT ? "aborted" : "crashed"); }

/// No bound that is tested as `!(x > y)` holds a NaN: tests that never speak of one did not ask for it.
static void ended() { report(met_nan && !speaks_of_nan ? "nan" : "ended"); }

/// Before the tests' own variables are made, for these may call the function as well.
__attribute__((constructor(102))) static void watch() {
    static char stack[64 * 1024];
    stack_t other = {};
    other.ss_sp = stack;
    other.ss_size = sizeof stack;
    sigaltstack(&other, nullptr);
    struct sigaction action = {};
    action.sa_handler = signalled;
    action.sa_flags = SA_ONSTACK;
    for (int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigaction(number, &action, nullptr);
    signal(SIGPIPE, SIG_IGN);
    std::set_terminate(uncaught);
    atexit(ended);
}
}  // namespace rlef_driver
