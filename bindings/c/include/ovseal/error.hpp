/**
 * Failures of ovseal, as C++ exceptions.
 */
#ifndef OVSEAL_ERROR_HPP
#define OVSEAL_ERROR_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ovseal/ovseal.h>

namespace ovseal {

/** The kind of a failure, which says whose fault it is. */
enum class Kind : std::uint32_t {
    environment = OVSEAL_KIND_ENVIRONMENT,
    usage = OVSEAL_KIND_USAGE,
    not_authentic = OVSEAL_KIND_NOT_AUTHENTIC,
    no_key_fits = OVSEAL_KIND_NO_KEY_FITS,
    denied = OVSEAL_KIND_DENIED,
    unsupported = OVSEAL_KIND_UNSUPPORTED,
    internal = OVSEAL_KIND_INTERNAL
};

namespace detail {
/** Copies a string of the C interface; empty for NULL. */
inline std::string text(const char* text) { return text ? text : ""; }
} // namespace detail

/** A failed call. It never contains secrets or any of a model's content. */
class Error : public std::exception {
public:
    /** Copies an error object of the C interface. */
    explicit Error(const ovseal_error* error)
        : code_(ovseal_error_code(error)), message_(detail::text(ovseal_error_message(error))),
          hint_(detail::text(ovseal_error_hint(error))) {
        for (std::size_t i = 0; i < ovseal_error_cause_count(error); ++i)
            causes_.push_back(detail::text(ovseal_error_cause(error, i)));
        join();
    }

    /** Creates the error for a failure that these headers detect themselves. */
    Error(std::uint32_t code, std::string message, std::string hint = {})
        : code_(code), message_(std::move(message)), hint_(std::move(hint)) {
        join();
    }

    /** Returns the message and its causes in one line. */
    const char* what() const noexcept override { return what_.c_str(); }
    /** Returns one of OVSEAL_CODE_*. */
    std::uint32_t code() const noexcept { return code_; }
    /** Returns the kind of the failure, which says whose fault it is. */
    Kind kind() const noexcept { return static_cast<Kind>(code_ / 100); }
    /** Returns the message without its causes. */
    const std::string& message() const noexcept { return message_; }
    /** Returns advice; empty if there is none. */
    const std::string& hint() const noexcept { return hint_; }
    /** Returns the causes, the most direct one first. */
    const std::vector<std::string>& causes() const noexcept { return causes_; }

private:
    void join() {
        what_ = message_;
        for (const auto& cause : causes_)
            what_ += ": " + cause;
    }

    std::uint32_t code_;
    std::string message_;
    std::string hint_;
    std::vector<std::string> causes_;
    std::string what_;
};

/** A problem with a file, memory, a device or OpenVINO. */
class EnvironmentError : public Error { using Error::Error; };
/** An invalid call. */
class UsageError : public Error { using Error::Error; };
/** The container is damaged, truncated, or differs from what its publisher made. */
class NotAuthenticError : public Error { using Error::Error; };
/** None of the keys opens the container. */
class NoKeyFitsError : public Error { using Error::Error; };
/** The container does not meet the caller's requirements. */
class DeniedError : public Error { using Error::Error; };
/** Not a container, an unsupported version, or a model that cannot be run. */
class UnsupportedError : public Error { using Error::Error; };
/** A bug in the library. */
class InternalError : public Error { using Error::Error; };

namespace detail {

/** Throws the exception for a kind. */
template <typename... Arguments>
[[noreturn]] inline void raise(std::uint32_t kind, Arguments&&... arguments) {
    switch (kind) {
    case OVSEAL_KIND_ENVIRONMENT: throw EnvironmentError(std::forward<Arguments>(arguments)...);
    case OVSEAL_KIND_USAGE: throw UsageError(std::forward<Arguments>(arguments)...);
    case OVSEAL_KIND_NOT_AUTHENTIC: throw NotAuthenticError(std::forward<Arguments>(arguments)...);
    case OVSEAL_KIND_NO_KEY_FITS: throw NoKeyFitsError(std::forward<Arguments>(arguments)...);
    case OVSEAL_KIND_DENIED: throw DeniedError(std::forward<Arguments>(arguments)...);
    case OVSEAL_KIND_UNSUPPORTED: throw UnsupportedError(std::forward<Arguments>(arguments)...);
    default: throw InternalError(std::forward<Arguments>(arguments)...);
    }
}

/** Throws the error that a call has returned, unless it is NULL. */
inline void check(ovseal_error* error) {
    if (!error)
        return;
    const std::unique_ptr<ovseal_error, void (*)(ovseal_error*)> owner(error, ovseal_error_free);
    raise(ovseal_error_kind(error), static_cast<const ovseal_error*>(error));
}

/** The type that a function of the C interface frees. */
template <typename Object>
Object freed_by(void (*)(Object*));

/**
 * Owns the object that `make` writes to its argument, and calls `free` for it at the end.
 *
 * Keeps a copy of `kept` alive as long as the object.
 */
template <auto free, typename Make, typename Kept = std::nullptr_t>
auto made(Make make, Kept kept = {}) {
    using Object = decltype(freed_by(free));
    Object* object = nullptr;
    check(make(&object));
    return std::shared_ptr<Object>(object, [kept](Object* object) {
        (void)kept;
        free(object);
    });
}

/** Copies the strings that an accessor returns for the numbers from 0 up to the first NULL. */
template <typename Accessor>
std::vector<std::string> texts(Accessor accessor) {
    std::vector<std::string> all;
    for (const char* text; (text = accessor(all.size()));)
        all.emplace_back(text);
    return all;
}

/** Returns a string or path for the C interface, or NULL. */
template <typename Text>
const char* c_str(const std::optional<Text>& text) {
    return text ? text->c_str() : nullptr;
}

/** Returns a pointer to an optional number for the C interface, or NULL. */
template <typename Number>
const Number* pointer(const std::optional<Number>& number) {
    return number ? &*number : nullptr;
}

/** Collects the handles of keys, for the C interface. */
template <typename Key>
auto handles(const std::vector<Key>& keys) {
    std::vector<decltype(keys.front().get())> handles;
    for (const auto& key : keys)
        handles.push_back(key.get());
    return handles;
}

} // namespace detail

} // namespace ovseal

#endif
