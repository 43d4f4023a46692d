// Asserted tests in C++, the process of the program: reads calls, answers them. Trusted by nobody.
namespace rlef_driver {
template <class...> struct List {};

template <class> struct Served;
template <class R, class... P> struct Served<R(P...)> {
    using Result = typename Plain<R>::type;

    template <class F> static bool answer(F &function, In &in, Out &out) {
        return step(function, in, out, List<P...>());
    }

    template <class F, class First, class... Rest, class... Done>
    static bool step(F &function, In &in, Out &out, List<First, Rest...>, Done &...done) {
        typename Plain<First>::type value{};
        return get(in, value) && step(function, in, out, List<Rest...>(), done..., value);
    }

    template <class F, class... Done> static bool step(F &function, In &in, Out &out, List<>, Done &...done) {
        if (in.at != in.end) return false;
        out.tag('R');
        if constexpr (__is_same(R, void)) {
            function(static_cast<P &&>(done)...);
            (back<P>(out, done), ...);
        } else {
            auto &&result = function(static_cast<P &&>(done)...);
            (back<P>(out, done), ...);
            give(out, static_cast<decltype(result)>(result));
        }
        return true;
    }

    template <class Parameter, class T> static void back(Out &out, const T &value) {
        if constexpr (Back<Parameter>::value) put(out, value);
    }

    /// The result as the declared type, as a `return` in the declared function would give it; a whole number that it
    /// cannot hold stays what it is and is told so.
    template <class T> static void give(Out &out, T &&given) {
        using Given = typename Plain<T>::type;
        if constexpr (__is_same(Given, Result)) {
            put(out, given);
        } else if constexpr (is_whole<Result> && (is_whole<Given> || is_real<Given>)) {
            const Result held = static_cast<Result>(given);
            if (static_cast<Given>(held) != given || (held < 0) != (given < 0)) {
                out.size = 4;
                out.tag('X');
                put(out, static_cast<Given>(given));
            } else {
                put(out, held);
            }
        } else {
            const Result held = static_cast<T &&>(given);
            put(out, held);
        }
    }
};

static void raised(Out &out, const char *type, const char *words, long long number) {
    out.size = 4;
    out.tag('E');
    out.text(type, __builtin_strlen(type));
    out.text(words, __builtin_strlen(words));
    put(out, number);
}

template <class Declared, class F> int serve(F function) {
    Out call, reply;
    while (receive(call)) {
        reply.size = 0;
        reply.put("\0\0\0", 4);
        In in{call.data, call.data + call.size};
        try {
            if (!Served<Declared>::answer(function, in, reply)) break;
        } catch (const std::exception &error) {
            raised(reply, typeid(error).name(), error.what(), 0);
        } catch (const char *words) {
            raised(reply, "PKc", words ? words : "", 0);
        } catch (int number) {
            raised(reply, "i", "", number);
        } catch (...) {
            raised(reply, "", "", 0);
        }
        if (!send(reply)) break;
    }
    // What it answered decides, not how it is taken down.
    rlef_system(SYS_exit_group, 0);
    return 0;
}
}  // namespace rlef_driver
