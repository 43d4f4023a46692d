//: tuple
#include <tuple>
namespace rlef_driver {
template <class... T> struct Special<std::tuple<T...>> : Yes {
    template <Size at> static bool next(In &in, std::tuple<T...> &value) {
        if constexpr (at == sizeof...(T)) return true;
        else return rlef_driver::get(in, std::get<at>(value)) && next<at + 1>(in, value);
    }
    template <Size at> static void next(Out &out, const std::tuple<T...> &value) {
        if constexpr (at < sizeof...(T)) {
            rlef_driver::put(out, std::get<at>(value));
            next<at + 1>(out, value);
        }
    }
    static void put(Out &out, const std::tuple<T...> &value) {
        out.tag('t');
        out.count(sizeof...(T));
        next<0>(out, value);
    }
    static bool get(In &in, std::tuple<T...> &value) {
        unsigned count = 0;
        return in.count('t', count) && count == sizeof...(T) && next<0>(in, value);
    }
};
}
//: array
#include <array>
namespace rlef_driver {
template <class T, Size size> struct Special<std::array<T, size>> : Yes {
    static void put(Out &out, const std::array<T, size> &value) {
        out.tag('l');
        out.count(size);
        for (const T &item : value) rlef_driver::put(out, item);
    }
    static bool get(In &in, std::array<T, size> &value) {
        unsigned count = 0;
        if (!in.count('l', count) || count != size) return false;
        for (T &item : value)
            if (!rlef_driver::get(in, item)) return false;
        return true;
    }
};
}
//: variant
#include <variant>
namespace rlef_driver {
template <> struct Special<std::monostate> : Yes {
    static void put(Out &out, const std::monostate &) { out.tag('n'); }
    static bool get(In &in, std::monostate &) { return in.tag('n'); }
};
template <class... T> struct Special<std::variant<T...>> : Yes {
    static void put(Out &out, const std::variant<T...> &value) {
        out.tag('v');
        out.count(value.index());
        std::visit([&out](const auto &item) { rlef_driver::put(out, item); }, value);
    }
    template <Size at> static bool nth(In &in, std::variant<T...> &value, unsigned index) {
        if constexpr (at == sizeof...(T)) return false;
        else if (index != at) return nth<at + 1>(in, value, index);
        else {
            std::variant_alternative_t<at, std::variant<T...>> item{};
            if (!rlef_driver::get(in, item)) return false;
            value.template emplace<at>(static_cast<decltype(item) &&>(item));
            return true;
        }
    }
    static bool get(In &in, std::variant<T...> &value) {
        unsigned index = 0;
        return in.count('v', index) && nth<0>(in, value, index);
    }
};
}
//: any
#include <string>
namespace rlef_driver {
/// Any of the types that stand in literals, by its number; another one has no form outside its process.
template <class Any, class Cast> struct AnyOf : Yes {
    template <class T> static bool puts(Out &out, const Any &value, Byte number) {
        if (value.type() != typeid(T)) return false;
        out.raw(number);
        rlef_driver::put(out, Cast::template to<T>(value));
        return true;
    }
    template <class T> static bool gets(In &in, Any &value) {
        T item{};
        if (!rlef_driver::get(in, item)) return false;
        value = item;
        return true;
    }
    static void put(Out &out, const Any &value) {
        out.tag('a');
        if (Cast::empty(value)) {
            out.raw(static_cast<Byte>(0));
        } else if (!puts<bool>(out, value, 1) && !puts<char>(out, value, 2) && !puts<int>(out, value, 3) &&
            !puts<long>(out, value, 4) && !puts<long long>(out, value, 5) && !puts<unsigned>(out, value, 6) &&
            !puts<unsigned long>(out, value, 7) && !puts<unsigned long long>(out, value, 8) &&
            !puts<float>(out, value, 9) && !puts<double>(out, value, 10) && !puts<std::string>(out, value, 11) &&
            !puts<const char *>(out, value, 12)) {
            throw std::bad_cast();
        }
    }
    static bool get(In &in, Any &value) {
        Byte number = 255;
        if (!in.tag('a') || !in.take(&number, 1)) return false;
        switch (number) {
        case 0: value = Any(); return true;
        case 1: return gets<bool>(in, value);
        case 2: return gets<char>(in, value);
        case 3: return gets<int>(in, value);
        case 4: return gets<long>(in, value);
        case 5: return gets<long long>(in, value);
        case 6: return gets<unsigned>(in, value);
        case 7: return gets<unsigned long>(in, value);
        case 8: return gets<unsigned long long>(in, value);
        case 9: return gets<float>(in, value);
        case 10: return gets<double>(in, value);
        case 11: return gets<std::string>(in, value);
        case 12: return gets<const char *>(in, value);
        default: return false;
        }
    }
};
}
//: std::any
#include <any>
namespace rlef_driver {
struct StandardCast {
    static bool empty(const std::any &value) { return !value.has_value(); }
    template <class T> static T to(const std::any &value) { return std::any_cast<T>(value); }
};
template <> struct Special<std::any> : AnyOf<std::any, StandardCast> {};
}
//: boost::any
#include <boost/any.hpp>
namespace rlef_driver {
struct BoostCast {
    static bool empty(const boost::any &value) { return value.empty(); }
    template <class T> static T to(const boost::any &value) { return boost::any_cast<T>(value); }
};
template <> struct Special<boost::any> : AnyOf<boost::any, BoostCast> {};
}
