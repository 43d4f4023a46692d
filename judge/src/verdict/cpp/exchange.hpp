// Values of C++ as bytes and back, for two processes that do not trust each other. Stands in both programs; includes
// next to nothing, so that a judged program sees no more of the library than it included itself.
//
// Each value begins with a letter that says what it is, so that bytes can be shown without their types. A reader takes
// only what the declared type can be made of: it never believes a length before the bytes are there, and its depth is
// that of the type.
#include <new>
#include <typeinfo>
#include <sys/syscall.h>
namespace rlef_driver {
using Size = decltype(sizeof 0);
using Byte = unsigned char;
extern "C" long rlef_system(long, ...) __asm__("syscall");
extern "C" int *rlef_errno() noexcept __asm__("__errno_location");

/// Bytes of the longest message.
constexpr unsigned longest = 64u << 20;

struct Out {
    Byte *data = nullptr;
    Size size = 0, room = 0;
    void put(const void *from, Size count) {
        if (count > room - size) {
            const Size wanted = 2 * room + count + 256;
            void *larger = __builtin_realloc(data, wanted);
            if (!larger) throw std::bad_alloc();
            data = static_cast<Byte *>(larger);
            room = wanted;
        }
        if (count) __builtin_memcpy(data + size, from, count);
        size += count;
    }
    template <class T> void raw(const T &value) { put(&value, sizeof value); }
    void tag(char letter) { put(&letter, 1); }
    void count(Size number) {
        if (number > longest) throw std::bad_alloc();
        raw(static_cast<unsigned>(number));
    }
    void text(const char *from, Size length) {
        tag('s');
        count(length);
        put(from, length);
    }
};

struct In {
    const Byte *at, *end;
    bool take(void *to, Size count) {
        if (count > static_cast<Size>(end - at)) return false;
        if (count) __builtin_memcpy(to, at, count);
        at += count;
        return true;
    }
    bool tag(char letter) { return at < end && *at++ == static_cast<Byte>(letter); }
    bool count(char letter, unsigned &number) { return tag(letter) && take(&number, sizeof number); }
};

struct No { static constexpr bool value = false; };
struct Yes { static constexpr bool value = true; };
template <class...> struct Void { using type = void; };
template <class T> struct Plain { using type = T; };
template <class T> struct Plain<T &> : Plain<T> {};
template <class T> struct Plain<T &&> : Plain<T> {};
template <class T> struct Plain<const T> : Plain<T> {};
template <class T> T &some();
#define RLEF_HAS(name, ...) \
    template <class T, class = void> struct name : No {}; \
    template <class T> struct name<T, typename Void<decltype(__VA_ARGS__)>::type> : Yes {};
RLEF_HAS(IsText, some<typename T::traits_type>(), some<T>().data()[0], some<T>().c_str())
RLEF_HAS(IsMap, some<typename T::key_type>(), some<typename T::mapped_type>(), some<T>().begin())
RLEF_HAS(IsSet, some<typename T::key_type>(), some<T>().insert(some<const typename T::value_type>()), some<T>().begin())
RLEF_HAS(IsSequence, some<T>().push_back(some<const typename T::value_type>()), some<T>().begin(), some<T>().clear())
RLEF_HAS(IsPair, some<typename T::first_type>(), some<T>().first, some<T>().second)
RLEF_HAS(IsOptional, some<T>().has_value(), some<T>().reset(), *some<T>())
#undef RLEF_HAS

/// What is known of types that need a header of their own.
template <class T> struct Special : No {};

template <class T> constexpr bool is_boolean = __is_same(T, bool);
template <class T> constexpr bool is_letter =
    __is_same(T, char) || __is_same(T, signed char) || __is_same(T, unsigned char);
template <class T> constexpr bool is_signed =
    __is_same(T, short) || __is_same(T, int) || __is_same(T, long) || __is_same(T, long long);
template <class T> constexpr bool is_unsigned = __is_same(T, unsigned short) || __is_same(T, unsigned) ||
    __is_same(T, unsigned long) || __is_same(T, unsigned long long);
template <class T> constexpr bool is_real =
    __is_same(T, float) || __is_same(T, double) || __is_same(T, long double);
template <class T> constexpr bool is_whole = is_boolean<T> || is_letter<T> || is_signed<T> || is_unsigned<T>;
template <class T> constexpr bool is_words = __is_same(T, const char *);

/// Whether a NaN has come from the other side.
static bool met_nan;

/// Bytes of a real number, without the padding of a long one.
template <class T> constexpr Size bytes_of_real =
    __is_same(T, long double) && __LDBL_MANT_DIG__ == 64 ? 10 : sizeof(T);

/// A type that has no form outside its process; the compiler names it.
template <class T> struct A_value_of_this_type_cannot_cross_between_processes {
    static constexpr bool value = false;
};

template <class T> void put(Out &out, const T &value);
template <class T> bool get(In &in, T &value);

template <class T> void put(Out &out, const T &value) {
    if constexpr (Special<T>::value) {
        Special<T>::put(out, value);
    } else if constexpr (is_boolean<T>) {
        out.tag('b');
        out.raw(static_cast<Byte>(value ? 1 : 0));
    } else if constexpr (is_letter<T>) {
        out.tag('c');
        out.raw(value);
    } else if constexpr (is_signed<T>) {
        out.tag('i');
        out.raw(static_cast<long long>(value));
    } else if constexpr (is_unsigned<T>) {
        out.tag('u');
        out.raw(static_cast<unsigned long long>(value));
    } else if constexpr (is_real<T>) {
        out.tag(__is_same(T, float) ? 'f' : __is_same(T, double) ? 'd' : 'D');
        out.put(&value, bytes_of_real<T>);
    } else if constexpr (is_words<T>) {
        if (value) out.text(value, __builtin_strlen(value));
        else out.tag('n');
    } else if constexpr (IsText<T>::value) {
        static_assert(sizeof(value[0]) == 1 || A_value_of_this_type_cannot_cross_between_processes<T>::value, "");
        out.text(value.data(), value.size());
    } else if constexpr (IsMap<T>::value) {
        out.tag('m');
        out.count(value.size());
        for (const auto &entry : value) {
            put(out, entry.first);
            put(out, entry.second);
        }
    } else if constexpr (IsSet<T>::value || IsSequence<T>::value) {
        out.tag(IsSet<T>::value ? 'z' : 'l');
        out.count(value.size());
        // An element of vector<bool> is no bool until it is asked to be.
        for (auto at = value.begin(); at != value.end(); ++at) {
            const typename T::value_type &item = *at;
            put(out, item);
        }
    } else if constexpr (IsPair<T>::value) {
        out.tag('t');
        out.count(2);
        put(out, value.first);
        put(out, value.second);
    } else if constexpr (IsOptional<T>::value) {
        out.tag('o');
        out.raw(static_cast<Byte>(value.has_value() ? 1 : 0));
        if (value.has_value()) put(out, *value);
    } else {
        static_assert(A_value_of_this_type_cannot_cross_between_processes<T>::value, "");
    }
}

template <class T> bool get(In &in, T &value) {
    unsigned count = 0;
    if constexpr (Special<T>::value) {
        return Special<T>::get(in, value);
    } else if constexpr (is_boolean<T>) {
        Byte byte = 2;
        if (!in.tag('b') || !in.take(&byte, 1) || byte > 1) return false;
        value = byte == 1;
        return true;
    } else if constexpr (is_letter<T>) {
        return in.tag('c') && in.take(&value, 1);
    } else if constexpr (is_signed<T> || is_unsigned<T>) {
        if constexpr (is_signed<T>) {
            long long wide = 0;
            if (!in.tag('i') || !in.take(&wide, sizeof wide)) return false;
            value = static_cast<T>(wide);
            return value == wide;
        } else {
            unsigned long long wide = 0;
            if (!in.tag('u') || !in.take(&wide, sizeof wide)) return false;
            value = static_cast<T>(wide);
            return value == wide;
        }
    } else if constexpr (is_real<T>) {
        value = 0;
        if (!in.tag(__is_same(T, float) ? 'f' : __is_same(T, double) ? 'd' : 'D') ||
            !in.take(&value, bytes_of_real<T>))
            return false;
        met_nan |= value != value;
        return true;
    } else if constexpr (is_words<T>) {
        value = nullptr;
        if (in.at < in.end && *in.at == 'n') return in.tag('n');
        if (!in.count('s', count) || count > static_cast<Size>(in.end - in.at)) return false;
        // Whoever is given it may keep it.
        char *kept = new char[count + 1];
        kept[count] = 0;
        value = kept;
        return in.take(kept, count);
    } else if constexpr (IsText<T>::value) {
        static_assert(sizeof(value[0]) == 1 || A_value_of_this_type_cannot_cross_between_processes<T>::value, "");
        if (!in.count('s', count) || count > static_cast<Size>(in.end - in.at)) return false;
        value = T(reinterpret_cast<const char *>(in.at), count);
        in.at += count;
        return true;
    } else if constexpr (IsMap<T>::value) {
        if (!in.count('m', count)) return false;
        value.clear();
        for (; count; count--) {
            typename T::key_type key{};
            typename T::mapped_type item{};
            if (!get(in, key) || !get(in, item)) return false;
            value.emplace(static_cast<typename T::key_type &&>(key), static_cast<typename T::mapped_type &&>(item));
        }
        return true;
    } else if constexpr (IsSet<T>::value) {
        if (!in.count('z', count)) return false;
        value.clear();
        for (; count; count--) {
            typename T::value_type item{};
            if (!get(in, item)) return false;
            value.insert(static_cast<typename T::value_type &&>(item));
        }
        return true;
    } else if constexpr (IsSequence<T>::value) {
        if (!in.count('l', count)) return false;
        value.clear();
        for (; count; count--) {
            typename T::value_type item{};
            if (!get(in, item)) return false;
            value.push_back(static_cast<typename T::value_type &&>(item));
        }
        return true;
    } else if constexpr (IsPair<T>::value) {
        return in.count('t', count) && count == 2 && get(in, value.first) && get(in, value.second);
    } else if constexpr (IsOptional<T>::value) {
        Byte there = 2;
        if (!in.tag('o') || !in.take(&there, 1) || there > 1) return false;
        value.reset();
        if (!there) return true;
        typename T::value_type item{};
        if (!get(in, item)) return false;
        value = static_cast<typename T::value_type &&>(item);
        return true;
    } else {
        static_assert(A_value_of_this_type_cannot_cross_between_processes<T>::value, "");
        return false;
    }
}

//SPECIAL

/// Whether a parameter of this declared type is changed where it came from.
template <class P> struct Back : No {};
template <class T> struct Back<T &> : Yes {};
template <class T> struct Back<const T &> : No {};

/// The channel, moved away from where programs read and print.
struct Channel {
    int source, sink;
};
static Channel channel;

static bool all(long number, int descriptor, Byte *data, Size count) {
    while (count) {
        const long done = rlef_system(number, descriptor, data, count);
        if (done < 0 && *rlef_errno() == 4) continue;
        if (done <= 0) return false;
        data += done;
        count -= static_cast<Size>(done);
    }
    return true;
}

/// Sends a message whose first four bytes were left for its length.
static bool send(Out &message) {
    const unsigned length = static_cast<unsigned>(message.size - 4);
    __builtin_memcpy(message.data, &length, 4);
    return message.size - 4 <= longest && all(SYS_write, channel.sink, message.data, message.size);
}

/// Reads a message into `data`, which it enlarges as the bytes come.
static bool receive(Out &message) {
    unsigned length = 0;
    message.size = 0;
    if (!all(SYS_read, channel.source, reinterpret_cast<Byte *>(&length), 4) || length > longest) return false;
    Byte part[16384];
    while (length) {
        const unsigned count = length < sizeof part ? length : sizeof part;
        if (!all(SYS_read, channel.source, part, count)) return false;
        message.put(part, count);
        length -= count;
    }
    return true;
}

/// Before any constructor of the program, so that printing there disturbs nothing.
__attribute__((constructor(101))) static void open_channel() {
    channel.source = static_cast<int>(rlef_system(SYS_dup, 0));
    channel.sink = static_cast<int>(rlef_system(SYS_dup, 1));
    const long nowhere = rlef_system(SYS_openat, -100, "/dev/null", 2);
    if (nowhere < 0) {
        rlef_system(SYS_close, 0);
        rlef_system(SYS_dup3, 2, 1, 0);
    } else {
        rlef_system(SYS_dup3, nowhere, 0, 0);
        rlef_system(SYS_dup3, nowhere, 1, 0);
        rlef_system(SYS_close, nowhere);
    }
}
}  // namespace rlef_driver
