/**
 * Keys that open containers, and keys to seal to.
 */
#ifndef OVSEAL_KEYS_HPP
#define OVSEAL_KEYS_HPP

#include <array>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string_view>

#include <ovseal/error.hpp>

namespace ovseal {

namespace detail {

inline const std::uint8_t* bytes(std::string_view text) {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}

/** Zeroizes bytes. No compiler optimizes this away. */
inline void zeroize(void* bytes, std::size_t length) noexcept {
    for (volatile unsigned char* byte = static_cast<unsigned char*>(bytes); length; --length)
        *byte++ = 0;
}

} // namespace detail

/** One or more keys. Some only open containers, some can only be sealed to, most can do both. */
class Key {
public:
    /** Wraps a handle of the C interface. */
    explicit Key(std::shared_ptr<ovseal_key> handle) : handle_(std::move(handle)) {}
    /** Returns the handle of the C interface. */
    const ovseal_key* get() const noexcept { return handle_.get(); }
    /** Returns whether other users can access a file from which the key was read. */
    bool is_exposed() const noexcept { return ovseal_key_is_exposed(get()); }

private:
    std::shared_ptr<ovseal_key> handle_;
};

namespace detail {
template <typename Make>
Key key(Make make) {
    return Key(made<ovseal_key_free>(make));
}
} // namespace detail

/** Creates a key from a passphrase: 1 to 1024 bytes of UTF-8. */
inline Key passphrase(std::string_view text) {
    return detail::key([&](auto key) { return ovseal_key_passphrase(detail::bytes(text), text.size(), key); });
}

/** Creates a key from the 32 bytes of a key file. */
inline Key keyfile(const std::uint8_t* bytes, std::size_t length) {
    return detail::key([&](auto key) { return ovseal_key_keyfile(bytes, length, key); });
}

/** Reads a key file. */
inline Key keyfile(const std::filesystem::path& path) {
    return detail::key([&](auto key) { return ovseal_key_keyfile_at(path.c_str(), key); });
}

/** Parses identities as `ovseal keygen` and age write them, one per line. */
inline Key identities(std::string_view text) {
    return detail::key([&](auto key) { return ovseal_key_identities(detail::bytes(text), text.size(), key); });
}

/** Reads a file of identities. */
inline Key identity(const std::filesystem::path& path) {
    return detail::key([&](auto key) { return ovseal_key_identities_at(path.c_str(), key); });
}

/** Parses a recipient, which cannot open: age1…, age1pq1…, or a device's ovdev1…. */
inline Key recipient(const std::string& text) {
    return detail::key([&](auto key) { return ovseal_key_recipient(text.c_str(), key); });
}

/**
 * Creates a key that uses this device's TPM 2.0. First run `ovseal device enroll`.
 *
 * An empty argument means the default: the default directory, the kernel's TPM, no PIN.
 */
inline Key device(const std::string& directory = {}, const std::string& tcti = {}, const std::string& pin = {}) {
    const auto or_null = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
    return detail::key(
        [&](auto key) { return ovseal_key_device(or_null(directory), or_null(tcti), or_null(pin), key); });
}

/** Combines two keys. They are tried in this order. */
inline Key join(const Key& first, const Key& second) {
    return detail::key([&](auto key) { return ovseal_key_join(first.get(), second.get(), key); });
}

/**
 * The container for which a key service wraps or unwraps, so that the service can authorize and log
 * the request.
 *
 * When a container is opened, both ids come from the container. The model id is authentic only if a
 * publisher was specified.
 */
struct ServiceContext {
    /** The random id of the container, different for each sealing. */
    std::array<std::uint8_t, 32> container_id;
    /** The id of the model, the same for all its versions. */
    std::array<std::uint8_t, 32> model_id;
    /** Returns both ids, container first. Bind them as associated data if your service can. */
    std::array<std::uint8_t, 64> associated_data() const {
        std::array<std::uint8_t, 64> data;
        std::memcpy(data.data(), container_id.data(), 32);
        std::memcpy(data.data() + 32, model_id.data(), 32);
        return data;
    }
};

/**
 * Your own key service: a key management system, a vault, a card.
 *
 * It handles a random secret for each container, never the data key. The only facts it learns about
 * the container are the two ids in ServiceContext. Implement wrap_for and unwrap_for, or else wrap
 * and unwrap, which do not receive the ids. An exception becomes the cause of an EnvironmentError.
 */
class KeyService {
public:
    virtual ~KeyService() = default;
    /** Returns the wrapped secret, 1 to OVSEAL_WRAPPED_LIMIT bytes. They are stored unencrypted. */
    virtual std::vector<std::uint8_t> wrap_for(const ServiceContext&, const std::array<std::uint8_t, 32>& secret) {
        return wrap(secret);
    }
    /**
     * Returns the secret, or nothing if another service has wrapped it.
     *
     * The bytes come from the container and can be any bytes.
     */
    virtual std::optional<std::array<std::uint8_t, 32>> unwrap_for(const ServiceContext&,
                                                                   const std::vector<std::uint8_t>& wrapped) {
        return unwrap(wrapped);
    }
    /** Wraps as wrap_for does, without the container's ids. */
    virtual std::vector<std::uint8_t> wrap(const std::array<std::uint8_t, 32>&) {
        throw std::logic_error("the key service does not wrap");
    }
    /** Unwraps as unwrap_for does, without the container's ids. */
    virtual std::optional<std::array<std::uint8_t, 32>> unwrap(const std::vector<std::uint8_t>&) {
        throw std::logic_error("the key service does not unwrap");
    }
};

namespace detail {

/** The functions of a key service, for C. No exception leaves them. */
struct ServiceCalls {
    using Owner = std::shared_ptr<KeyService>;

    static KeyService& service(void* context) { return **static_cast<Owner*>(context); }

    /** Runs a call, and writes the message of an exception to `message`. */
    template <typename Work>
    static int run(char* message, Work work) noexcept {
        try {
            return work();
        } catch (const std::exception& failure) {
            std::strncpy(message, failure.what(), OVSEAL_MESSAGE_LIMIT - 1);
        } catch (...) {
            std::strncpy(message, "the exception is not a std::exception", OVSEAL_MESSAGE_LIMIT - 1);
        }
        return -1;
    }

    static ServiceContext copy(const ovseal_service_context* container) {
        ServiceContext context;
        std::memcpy(context.container_id.data(), container->container_id, context.container_id.size());
        std::memcpy(context.model_id.data(), container->model_id, context.model_id.size());
        return context;
    }

    static int wrap(void* context, const ovseal_service_context* container, const std::uint8_t* secret,
                    std::uint8_t* wrapped, std::size_t* length, char* message) {
        return run(message, [&] {
            std::array<std::uint8_t, 32> array;
            const auto wiped = [](auto* bytes) { zeroize(bytes->data(), bytes->size()); };
            const std::unique_ptr<std::array<std::uint8_t, 32>, decltype(wiped)> guard(&array, wiped);
            std::memcpy(array.data(), secret, array.size());
            const auto result = service(context).wrap_for(copy(container), array);
            *length = result.size();
            if (!result.empty() && result.size() <= OVSEAL_WRAPPED_LIMIT)
                std::memcpy(wrapped, result.data(), result.size());
            return OVSEAL_SERVICE_DONE;
        });
    }

    static int unwrap(void* context, const ovseal_service_context* container, const std::uint8_t* wrapped,
                      std::size_t length, std::uint8_t* secret, char* message) {
        return run(message, [&] {
            auto result = service(context).unwrap_for(copy(container), {wrapped, wrapped + length});
            if (!result)
                return OVSEAL_SERVICE_NOT_MINE;
            std::memcpy(secret, result->data(), result->size());
            zeroize(result->data(), result->size());
            return OVSEAL_SERVICE_DONE;
        });
    }

    static void release(void* context) { delete static_cast<Owner*>(context); }
};

} // namespace detail

/** Creates a key held by your own key service. */
inline Key service(std::shared_ptr<KeyService> service) {
    if (!service)
        throw UsageError(OVSEAL_CODE_BAD_ARGUMENT, "the key service is NULL");
    auto owner = std::make_unique<detail::ServiceCalls::Owner>(std::move(service));
    ovseal_key_service calls = OVSEAL_KEY_SERVICE_INIT;
    calls.context = owner.get();
    calls.release = detail::ServiceCalls::release;
    calls.wrap_for = detail::ServiceCalls::wrap;
    calls.unwrap_for = detail::ServiceCalls::unwrap;
    auto key = detail::key([&](auto key) { return ovseal_key_from_service(&calls, key); });
    owner.release();
    return key;
}

/** Secret bytes in locked memory, zeroized with the last copy of this object. */
class Secret {
public:
    /** Wraps a handle of the C interface. */
    explicit Secret(std::shared_ptr<ovseal_secret> handle) : handle_(std::move(handle)) {}
    /** Returns the bytes, which live as long as this object. */
    std::string_view view() const {
        return {reinterpret_cast<const char*>(ovseal_secret_data(handle_.get())), ovseal_secret_length(handle_.get())};
    }

private:
    std::shared_ptr<ovseal_secret> handle_;
};

/** A key pair. */
struct Identity {
    /** The private key, which identities() parses. */
    Secret identity;
    /** The public key, which recipient() parses. */
    std::string recipient;
};

/** Generates a post-quantum key pair (X-Wing). */
inline Identity generate_identity() {
    ovseal_secret* recipient = nullptr;
    Secret identity(detail::made<ovseal_secret_free>(
        [&](auto identity) { return ovseal_identity_generate(identity, &recipient); }));
    const Secret text(std::shared_ptr<ovseal_secret>(recipient, ovseal_secret_free));
    return {identity, std::string(text.view())};
}

} // namespace ovseal

#endif
