/**
 * ovseal for C++17, over the C interface alone: no OpenVINO, no C++ type crosses the library's border.
 *
 *     auto opened = ovseal::open("model.ovseal", ovseal::passphrase(password), ovseal::options().publisher("acme.pub"));
 *     std::vector<std::uint8_t> vocabulary = opened.part("tokenizer/vocab.txt").read();
 *
 * Objects are handles: a copy means the same thing, and what it means is freed with the last. Failures are thrown as ovseal::Error, or as
 * the class of their kind. `ovseal/openvino.hpp` makes models of containers.
 */
#ifndef OVSEAL_OVSEAL_HPP
#define OVSEAL_OVSEAL_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <istream>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ovseal/ovseal.h>

namespace ovseal {

/** Whose fault a failure is. */
enum class Kind : std::uint32_t {
    environment = OVSEAL_KIND_ENVIRONMENT,
    usage = OVSEAL_KIND_USAGE,
    not_authentic = OVSEAL_KIND_NOT_AUTHENTIC,
    no_key_fits = OVSEAL_KIND_NO_KEY_FITS,
    denied = OVSEAL_KIND_DENIED,
    unsupported = OVSEAL_KIND_UNSUPPORTED,
    internal = OVSEAL_KIND_INTERNAL
};

/** A call failed. Nothing in it is secret, and nothing of a model's content. */
class Error : public std::exception {
public:
    /** What a library's error object says. */
    explicit Error(const ovseal_error* error)
        : code_(ovseal_error_code(error)), message_(text(ovseal_error_message(error))),
          hint_(text(ovseal_error_hint(error))) {
        for (std::size_t i = 0; i < ovseal_error_cause_count(error); ++i)
            causes_.push_back(text(ovseal_error_cause(error, i)));
        join();
    }

    /** A failure that these headers find out themselves. */
    Error(std::uint32_t code, std::string message, std::string hint = {})
        : code_(code), message_(std::move(message)), hint_(std::move(hint)) {
        join();
    }

    /** Message and causes in one line. */
    const char* what() const noexcept override { return what_.c_str(); }
    /** One of OVSEAL_CODE_*. */
    std::uint32_t code() const noexcept { return code_; }
    /** Whose fault it is. */
    Kind kind() const noexcept { return static_cast<Kind>(code_ / 100); }
    /** The sentence alone. */
    const std::string& message() const noexcept { return message_; }
    /** What helps; empty where nothing is known to. */
    const std::string& hint() const noexcept { return hint_; }
    /** The causes, the nearest first. */
    const std::vector<std::string>& causes() const noexcept { return causes_; }

private:
    static std::string text(const char* text) { return text ? text : ""; }

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

/** A file, memory, a device, OpenVINO. */
class EnvironmentError : public Error { using Error::Error; };
/** The call makes no sense. */
class UsageError : public Error { using Error::Error; };
/** The container is damaged, truncated, or not what its publisher made. */
class NotAuthenticError : public Error { using Error::Error; };
/** None of the keys opens the container. */
class NoKeyFitsError : public Error { using Error::Error; };
/** The caller's demands refuse the container. */
class DeniedError : public Error { using Error::Error; };
/** No container, an unknown version, or what cannot be run. */
class UnsupportedError : public Error { using Error::Error; };
/** A bug of the library. */
class InternalError : public Error { using Error::Error; };

namespace detail {

/** Throws the exception of an error's kind. */
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

/** Throws what a call has returned, unless it is NULL. */
inline void check(ovseal_error* error) {
    if (!error)
        return;
    const std::unique_ptr<ovseal_error, void (*)(ovseal_error*)> owner(error, ovseal_error_free);
    raise(ovseal_error_kind(error), static_cast<const ovseal_error*>(error));
}

/** Owns what a call makes. */
template <typename Object, typename Make>
std::shared_ptr<Object> made(void (*free)(Object*), Make make) {
    Object* object = nullptr;
    check(make(&object));
    return std::shared_ptr<Object>(object, free);
}

inline std::string text(const char* text) { return text ? text : ""; }

/** All that an accessor gives for the numbers from 0. */
template <typename Accessor>
std::vector<std::string> texts(Accessor accessor) {
    std::vector<std::string> all;
    for (const char* text; (text = accessor(all.size()));)
        all.emplace_back(text);
    return all;
}

inline const std::uint8_t* bytes(std::string_view text) {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}

/** Zeroizes bytes in a way that no compiler leaves out. */
inline void zeroize(void* bytes, std::size_t length) noexcept {
    for (volatile unsigned char* byte = static_cast<unsigned char*>(bytes); length; --length)
        *byte++ = 0;
}

/** The whole of a public file. */
inline std::string contents(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file)
        throw EnvironmentError(OVSEAL_CODE_READ, "cannot read " + path.string());
    return text;
}

} // namespace detail

/** Keys of the caller: they open containers, or containers are sealed to them, or both. */
class Key {
public:
    /** Takes over a handle of the C interface. */
    explicit Key(std::shared_ptr<ovseal_key> handle) : handle_(std::move(handle)) {}
    /** The handle of the C interface. */
    const ovseal_key* get() const noexcept { return handle_.get(); }
    /** Whether a file from which the key was read can be accessed by other users. */
    bool is_exposed() const noexcept { return ovseal_key_is_exposed(get()); }

private:
    std::shared_ptr<ovseal_key> handle_;
};

namespace detail {
template <typename Make>
Key key(Make make) {
    return Key(made<ovseal_key>(ovseal_key_free, make));
}
} // namespace detail

/** A passphrase of 1 to 1024 bytes of UTF-8. */
inline Key passphrase(std::string_view text) {
    return detail::key(
        [&](ovseal_key** key) { return ovseal_key_passphrase(detail::bytes(text), text.size(), key); });
}

/** The 32 bytes of a key file. */
inline Key keyfile(const std::uint8_t* bytes, std::size_t length) {
    return detail::key([&](ovseal_key** key) { return ovseal_key_keyfile(bytes, length, key); });
}

/** The key file at a path. */
inline Key keyfile(const std::filesystem::path& path) {
    return detail::key([&](ovseal_key** key) { return ovseal_key_keyfile_at(path.c_str(), key); });
}

/** Identities as `ovseal keygen` and age write them, one a line. */
inline Key identities(std::string_view text) {
    return detail::key(
        [&](ovseal_key** key) { return ovseal_key_identities(detail::bytes(text), text.size(), key); });
}

/** The identities in the file at a path. */
inline Key identity(const std::filesystem::path& path) {
    return detail::key([&](ovseal_key** key) { return ovseal_key_identities_at(path.c_str(), key); });
}

/** A recipient, which is sealed to and opens nothing: age1…, age1pq1…, or a device's ovdev1…. */
inline Key recipient(const std::string& text) {
    return detail::key([&](ovseal_key** key) { return ovseal_key_recipient(text.c_str(), key); });
}

/** This device's own key, in its TPM 2.0; an empty text stands for the usual folder, the kernel's TPM, and no PIN. */
inline Key device(const std::string& folder = {}, const std::string& tcti = {}, const std::string& pin = {}) {
    const auto given = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
    return detail::key(
        [&](ovseal_key** key) { return ovseal_key_device(given(folder), given(tcti), given(pin), key); });
}

/** Two keys in one. What opens is tried in this order. */
inline Key join(const Key& first, const Key& second) {
    return detail::key([&](ovseal_key** key) { return ovseal_key_join(first.get(), second.get(), key); });
}

/**
 * The container for which a key service wraps or unwraps, so that it can limit and log.
 *
 * When a container is opened, both ids come from the container. The model id is authentic if a publisher was named.
 */
struct ServiceContext {
    /** The container's random name: another one for each sealing. */
    std::array<std::uint8_t, 32> container_id;
    /** The id of the model: the same for all versions of a model. */
    std::array<std::uint8_t, 32> model_id;
    /** What a service should bind as associated data: container id, then model id. */
    std::array<std::uint8_t, 64> associated_data() const {
        std::array<std::uint8_t, 64> data;
        std::memcpy(data.data(), container_id.data(), 32);
        std::memcpy(data.data() + 32, model_id.data(), 32);
        return data;
    }
};

/**
 * A key service of the caller's: a key management system, a vault, a card.
 *
 * It sees a random secret of each container, never the data key, and nothing of the container but its id and that of the model. What a function
 * throws becomes the cause of an error of kind environment. Implement wrap_for and unwrap_for; or wrap and unwrap, which are not told for which
 * container.
 */
class KeyService {
public:
    virtual ~KeyService() = default;
    /** Wraps a secret for a container. The result has 1 to OVSEAL_WRAPPED_LIMIT bytes, and is stored in clear. */
    virtual std::vector<std::uint8_t> wrap_for(const ServiceContext&, const std::array<std::uint8_t, 32>& secret) {
        return wrap(secret);
    }
    /** Unwraps; nothing when another service has wrapped it. The bytes come from the container, and may be anything. */
    virtual std::optional<std::array<std::uint8_t, 32>> unwrap_for(const ServiceContext&,
                                                                   const std::vector<std::uint8_t>& wrapped) {
        return unwrap(wrapped);
    }
    /** Wraps as wrap_for does, for any container. */
    virtual std::vector<std::uint8_t> wrap(const std::array<std::uint8_t, 32>&) {
        throw std::logic_error("the key service does not wrap");
    }
    /** Unwraps as unwrap_for does, for any container. */
    virtual std::optional<std::array<std::uint8_t, 32>> unwrap(const std::vector<std::uint8_t>&) {
        throw std::logic_error("the key service does not unwrap");
    }
};

namespace detail {

/** A service for C: no exception leaves it. */
struct ServiceCalls {
    using Owner = std::shared_ptr<KeyService>;

    static KeyService& service(void* context) { return **static_cast<Owner*>(context); }

    /** Runs a call, and tells what it throws. */
    template <typename Work>
    static int run(char* message, Work work) noexcept {
        try {
            return work();
        } catch (const std::exception& failure) {
            std::strncpy(message, failure.what(), OVSEAL_MESSAGE_LIMIT - 1);
        } catch (...) {
            std::strncpy(message, "something that is no std::exception was thrown", OVSEAL_MESSAGE_LIMIT - 1);
        }
        return -1;
    }

    static ServiceContext told(const ovseal_service_context* container) {
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
            const auto result = service(context).wrap_for(told(container), array);
            *length = result.size();
            if (!result.empty() && result.size() <= OVSEAL_WRAPPED_LIMIT)
                std::memcpy(wrapped, result.data(), result.size());
            return OVSEAL_SERVICE_DONE;
        });
    }

    static int unwrap(void* context, const ovseal_service_context* container, const std::uint8_t* wrapped,
                      std::size_t length, std::uint8_t* secret, char* message) {
        return run(message, [&] {
            auto result = service(context).unwrap_for(told(container), {wrapped, wrapped + length});
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

/** A key that a service of the caller's holds. */
inline Key service(std::shared_ptr<KeyService> service) {
    if (!service)
        throw UsageError(OVSEAL_CODE_BAD_ARGUMENT, "the key service is NULL");
    auto owner = std::make_unique<detail::ServiceCalls::Owner>(std::move(service));
    ovseal_key_service calls = {};
    calls.size = sizeof calls;
    calls.context = owner.get();
    calls.release = detail::ServiceCalls::release;
    calls.wrap_for = detail::ServiceCalls::wrap;
    calls.unwrap_for = detail::ServiceCalls::unwrap;
    auto key = detail::key([&](ovseal_key** key) { return ovseal_key_from_service(&calls, key); });
    owner.release();
    return key;
}

/** Bytes to be stored that are locked into memory, and zeroized with the last copy of the handle. */
class Secret {
public:
    /** Takes over a handle of the C interface. */
    explicit Secret(std::shared_ptr<ovseal_secret> handle) : handle_(std::move(handle)) {}
    /** The bytes, as long as this lives. */
    std::string_view view() const {
        return {reinterpret_cast<const char*>(ovseal_secret_data(handle_.get())), ovseal_secret_length(handle_.get())};
    }

private:
    std::shared_ptr<ovseal_secret> handle_;
};

/** A fresh key pair. */
struct Identity {
    /** The private half, in the form that identities() takes. */
    Secret identity;
    /** The public half, in the form that recipient() takes. */
    std::string recipient;
};

/** Makes a fresh post-quantum key pair (X-Wing). */
inline Identity generate_identity() {
    ovseal_secret *identity = nullptr, *recipient = nullptr;
    detail::check(ovseal_identity_generate(&identity, &recipient));
    const auto own = [](ovseal_secret* secret) {
        return Secret(std::shared_ptr<ovseal_secret>(secret, ovseal_secret_free));
    };
    const Secret text = own(recipient);
    return {own(identity), std::string(text.view())};
}

/** The public key of a publisher: whom a device trusts. */
class Publisher {
public:
    /** Takes over a handle of the C interface. */
    explicit Publisher(std::shared_ptr<ovseal_publisher> handle) : handle_(std::move(handle)) {}
    /** Takes PEM text. */
    static Publisher parse(const std::string& pem) {
        return Publisher(detail::made<ovseal_publisher>(
            ovseal_publisher_free, [&](ovseal_publisher** out) { return ovseal_publisher_parse(pem.c_str(), out); }));
    }
    /** Reads the file at a path. */
    static Publisher read(const std::filesystem::path& path) {
        return Publisher(detail::made<ovseal_publisher>(
            ovseal_publisher_free, [&](ovseal_publisher** out) { return ovseal_publisher_parse_at(path.c_str(), out); }));
    }
    /** The name of the key, 64 hexadecimal digits. */
    std::string id() const { return detail::text(ovseal_publisher_id(handle_.get())); }
    /** The PEM text. */
    std::string pem() const { return detail::text(ovseal_publisher_pem(handle_.get())); }
    /** The handle of the C interface. */
    const ovseal_publisher* get() const noexcept { return handle_.get(); }

private:
    std::shared_ptr<ovseal_publisher> handle_;
};

/** The private key of a publisher: who signs. */
class PublisherKey {
public:
    /** Makes a fresh one. */
    static PublisherKey generate() {
        return PublisherKey(detail::made<ovseal_publisher_key>(ovseal_publisher_key_free, ovseal_publisher_key_generate));
    }
    /** Takes PEM text. */
    static PublisherKey parse(const std::string& pem) {
        return PublisherKey(detail::made<ovseal_publisher_key>(
            ovseal_publisher_key_free,
            [&](ovseal_publisher_key** out) { return ovseal_publisher_key_parse(pem.c_str(), out); }));
    }
    /** The PEM text, to be stored. */
    Secret pem() const {
        return Secret(detail::made<ovseal_secret>(
            ovseal_secret_free, [&](ovseal_secret** out) { return ovseal_publisher_key_encode(get(), out); }));
    }
    /** The public key that belongs to it. */
    Publisher publisher() const {
        return Publisher(detail::made<ovseal_publisher>(
            ovseal_publisher_free, [&](ovseal_publisher** out) { return ovseal_publisher_key_public(get(), out); }));
    }
    /** The handle of the C interface. */
    const ovseal_publisher_key* get() const noexcept { return handle_.get(); }

private:
    explicit PublisherKey(std::shared_ptr<ovseal_publisher_key> handle) : handle_(std::move(handle)) {}
    std::shared_ptr<ovseal_publisher_key> handle_;
};

/** When the weights of a network are decrypted. */
enum class Opening : std::uint32_t {
    /** Overlapped for the device CPU, eager for every other one. */
    automatic = OVSEAL_OPENING_AUTO,
    /** Everything is decrypted before the runtime gets it. */
    eager = OVSEAL_OPENING_EAGER,
    /** The runtime begins at once, and waits for a chunk when it touches one that is not decrypted yet. */
    overlapped = OVSEAL_OPENING_OVERLAPPED
};

/**
 * What is demanded of a container, and how it is opened.
 *
 * Name a publisher, or accept any sender. Without either, only a container for passphrases and key files alone opens. A demanded name,
 * a least security version and a rollback state need a publisher.
 */
class Options {
public:
    /** Trusts a publisher, in addition to those that were named before. */
    Options& publisher(const Publisher& publisher) { return publishers_.push_back({publisher, {}}), *this; }
    /** Trusts the publisher whose public key is in a file. */
    Options& publisher(const std::filesystem::path& path) { return publisher(Publisher::read(path)); }
    /** Accepts a container from anyone, without checking a signature, if no publisher is named. */
    Options& any_sender(bool accept = true) { return any_sender_ = accept, *this; }
    /** Trusts a publisher for the model of this name only; several times for several names. */
    Options& publisher_for(const Publisher& publisher, std::string name) {
        return publishers_.push_back({publisher, std::move(name)}), *this;
    }
    /** Trusts the publisher whose public key is in a file for the model of this name only. */
    Options& publisher_for(const std::filesystem::path& path, std::string name) {
        return publisher_for(Publisher::read(path), std::move(name));
    }
    /** Sets how much key derivation from passphrases is allowed, in MiB of memory times passes; 1024 by default. */
    Options& kdf_limit(std::uint32_t mib) { return kdf_limit_ = mib, *this; }
    /** Demands the model of this name. */
    Options& name(std::string name) { return name_ = std::move(name), *this; }
    /** Demands at least this security version. */
    Options& min_security_version(std::uint64_t version) { return min_security_version_ = version, *this; }
    /** Demands at least the security version that this device has accepted before, as a state file says. */
    Options& rollback_state(std::filesystem::path file) { return rollback_state_ = std::move(file), *this; }
    /** Sets how many threads decrypt; 0 is as many as there are processors. */
    Options& threads(std::size_t threads) { return threads_ = threads, *this; }
    /** Sets what is called from worker threads, several at once, with the number of bytes just decrypted. It must not throw. */
    Options& progress(std::function<void(std::uint64_t)> call) {
        progress_ = call ? std::make_shared<std::function<void(std::uint64_t)>>(std::move(call)) : nullptr;
        return *this;
    }
    /** Chooses one of several networks of the container. */
    Options& part(std::string path) { return part_ = std::move(path), *this; }
    /** Chooses when the weights are decrypted. */
    Options& opening(Opening opening) { return opening_ = opening, *this; }
    /** Keeps compiled models, each sealed for this device and its model, in a folder. */
    Options& cache_dir(std::filesystem::path folder) { return cache_dir_ = std::move(folder), *this; }
    /** Sets how many bytes all compiled models in the folder may have. */
    Options& cache_limit(std::uint64_t bytes) { return cache_limit_ = bytes, *this; }
    /** Sets the file with this device's secret, without which nobody opens the cache; usually beside the device's other files. */
    Options& device_secret(std::filesystem::path file) { return device_secret_ = std::move(file), *this; }

    /** The demands, for the C interface, with this trust if neither a publisher nor any sender was named. */
    std::shared_ptr<ovseal_open_options> demands(std::uint32_t otherwise = OVSEAL_TRUST_SHARED_SECRET) const;
    /** What else was set. */
    const std::optional<std::string>& part() const noexcept { return part_; }
    Opening opening() const noexcept { return opening_; }
    const std::optional<std::filesystem::path>& cache_dir() const noexcept { return cache_dir_; }
    std::uint64_t cache_limit() const noexcept { return cache_limit_; }
    const std::optional<std::filesystem::path>& device_secret() const noexcept { return device_secret_; }
    const std::shared_ptr<std::function<void(std::uint64_t)>>& progress() const noexcept { return progress_; }

private:
    struct NamedPublisher {
        Publisher publisher;
        /** The one model that it may sign. */
        std::optional<std::string> name;
    };

    std::vector<NamedPublisher> publishers_;
    std::optional<std::uint32_t> kdf_limit_;
    bool any_sender_ = false;
    std::optional<std::string> name_;
    std::optional<std::uint64_t> min_security_version_;
    std::optional<std::filesystem::path> rollback_state_;
    std::size_t threads_ = 0;
    std::shared_ptr<std::function<void(std::uint64_t)>> progress_;
    std::optional<std::string> part_;
    Opening opening_ = Opening::automatic;
    std::optional<std::filesystem::path> cache_dir_;
    std::uint64_t cache_limit_ = 0;
    std::optional<std::filesystem::path> device_secret_;
};

/** No demands, to be added to. */
inline Options options() { return {}; }

namespace detail {
inline bool follow(void* context, std::uint64_t bytes) noexcept {
    (*static_cast<std::function<void(std::uint64_t)>*>(context))(bytes);
    return true;
}
} // namespace detail

inline std::shared_ptr<ovseal_open_options> Options::demands(std::uint32_t otherwise) const {
    const std::uint32_t unnamed = any_sender_ ? OVSEAL_TRUST_ANY_SENDER : otherwise;
    const std::uint32_t trust = publishers_.empty() ? unnamed : OVSEAL_TRUST_PUBLISHERS;
    auto demands = detail::made<ovseal_open_options>(
        ovseal_open_options_free, [&](ovseal_open_options** out) { return ovseal_open_options_new(trust, out); });
    for (const auto& publisher : publishers_)
        detail::check(publisher.name ? ovseal_open_options_add_publisher_for(demands.get(), publisher.publisher.get(),
                                                                             publisher.name->c_str())
                                     : ovseal_open_options_add_publisher(demands.get(), publisher.publisher.get()));
    if (kdf_limit_)
        detail::check(ovseal_open_options_set_kdf_limit(demands.get(), *kdf_limit_));
    if (name_)
        detail::check(ovseal_open_options_set_name(demands.get(), name_->c_str()));
    if (min_security_version_)
        detail::check(ovseal_open_options_set_min_security_version(demands.get(), *min_security_version_));
    if (rollback_state_)
        detail::check(ovseal_open_options_set_rollback_state(demands.get(), rollback_state_->c_str()));
    detail::check(ovseal_open_options_set_threads(demands.get(), threads_));
    if (progress_)
        detail::check(ovseal_open_options_set_progress(demands.get(), detail::follow, progress_.get()));
    return demands;
}

/** Keeps all bytes of a mapping in memory as long as it lives, for system calls too. */
using Populated = std::shared_ptr<ovseal_populated>;

/** Decrypted bytes in read-only memory, zeroized with the last hold on them. */
class Mapping {
public:
    /** None. */
    Mapping() = default;
    /** Takes over a handle of the C interface, with what else must live as long. */
    explicit Mapping(std::shared_ptr<ovseal_mapping> handle) : handle_(std::move(handle)) {}
    /** The bytes. */
    const std::uint8_t* data() const noexcept { return ovseal_mapping_data(handle_.get()); }
    /** How many there are. */
    std::size_t size() const noexcept { return ovseal_mapping_length(handle_.get()); }
    const std::uint8_t* begin() const noexcept { return data(); }
    const std::uint8_t* end() const noexcept { return data() + size(); }
    /** Whether they can never be swapped to a disk. */
    bool is_locked() const noexcept { return ovseal_mapping_is_locked(handle_.get()); }
    /** Bytes of the pages that are in memory now. */
    std::size_t resident_bytes() const noexcept { return ovseal_mapping_resident_bytes(handle_.get()); }
    /** Gives the pages back to the kernel; a later touch decrypts them again. Says whether it was done. */
    bool release() const noexcept { return ovseal_mapping_release(handle_.get()); }
    /** The same without waiting. */
    void release_in_background() const noexcept { ovseal_mapping_release_in_background(handle_.get()); }
    /** Brings in what was released and keeps it. */
    Populated populate() const {
        return detail::made<ovseal_populated>(
            ovseal_populated_free, [&](ovseal_populated** out) { return ovseal_mapping_populate(handle_.get(), out); });
    }
    /** Whether there is anything. */
    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** What keeps the bytes alive. */
    const std::shared_ptr<ovseal_mapping>& owner() const noexcept { return handle_; }

private:
    std::shared_ptr<ovseal_mapping> handle_;
};

/** A part of an opened container. */
class Part {
public:
    /** Takes over a handle of the C interface, with what else must live as long. */
    explicit Part(std::shared_ptr<ovseal_part> handle) : handle_(std::move(handle)) {}
    /** Its path in the container. */
    std::string path() const { return detail::text(ovseal_part_path(handle_.get())); }
    /** What it is to the model: ir, onnx, paddle, compiled, weights, file, or other. */
    std::string kind() const { return detail::text(ovseal_part_kind(handle_.get())); }
    /** Its length in bytes. */
    std::uint64_t length() const noexcept { return ovseal_part_length(handle_.get()); }
    /** Numbers of the parts that this topology needs. */
    std::vector<std::size_t> companions() const {
        std::vector<std::size_t> numbers(ovseal_part_companion_count(handle_.get()));
        for (std::size_t i = 0; i < numbers.size(); ++i)
            numbers[i] = ovseal_part_companion(handle_.get(), i);
        return numbers;
    }
    /** Decrypts all of it into ordinary memory, which nobody zeroizes: map() is for what is secret. */
    std::vector<std::uint8_t> read() const {
        std::vector<std::uint8_t> bytes(length());
        read_into(bytes.data(), bytes.size());
        return bytes;
    }
    /** Decrypts all of it into a buffer of its length. */
    void read_into(void* buffer, std::size_t length) const {
        detail::check(ovseal_part_read(handle_.get(), static_cast<std::uint8_t*>(buffer), length));
    }
    /** Decrypts the bytes from an offset on; only the chunks that it touches are read. */
    void read_range(std::uint64_t offset, void* buffer, std::size_t length) const {
        detail::check(ovseal_part_read_range(handle_.get(), offset, static_cast<std::uint8_t*>(buffer), length));
    }
    /** Decrypts all of it into memory that is left out of dumps and forks, and zeroized. */
    Mapping map() const {
        const auto part = handle_;
        ovseal_mapping* mapping = nullptr;
        detail::check(ovseal_part_map(part.get(), &mapping));
        return Mapping({mapping, [part](ovseal_mapping* mapping) { ovseal_mapping_free(mapping); }});
    }

private:
    std::shared_ptr<ovseal_part> handle_;
};

/** An opened container. */
class Opened {
public:
    /** Takes over a handle of the C interface, with what else must live as long. */
    explicit Opened(std::shared_ptr<ovseal_opened> handle) : handle_(std::move(handle)) {}
    /** The model's name. */
    std::string name() const { return detail::text(ovseal_opened_name(get())); }
    /** The model's security version. */
    std::uint64_t security_version() const noexcept { return ovseal_opened_security_version(get()); }
    /** The container's random name, 64 hexadecimal digits. */
    std::string container_id() const { return detail::text(ovseal_opened_container_id(get())); }
    /** The trusted publisher who signed; empty when none was named. */
    std::string publisher() const { return detail::text(ovseal_opened_publisher(get())); }
    /** All publishers who claim to have signed. */
    std::vector<std::string> claimed_publishers() const {
        return detail::texts([&](std::size_t number) { return ovseal_opened_claimed_publisher(get(), number); });
    }
    /** All parts, in the order of the container. */
    std::vector<Part> parts() const {
        std::vector<Part> parts;
        for (std::size_t number = 0; number < ovseal_opened_part_count(get()); ++number)
            parts.push_back(make_part(
                [&](ovseal_part** part) { return ovseal_opened_part_by_number(get(), number, part); }));
        return parts;
    }
    /** The part with this path. */
    Part part(const std::string& path) const {
        return make_part([&](ovseal_part** part) { return ovseal_opened_part(get(), path.c_str(), part); });
    }
    /** The compiled model at this path, or the only one. ovseal::import_model() hands it to the runtime. */
    Part compiled_part(const std::optional<std::string>& path = std::nullopt) const {
        const char* wanted = path ? path->c_str() : nullptr;
        return make_part([&](ovseal_part** part) { return ovseal_opened_compiled_part(get(), wanted, part); });
    }
    /** Raises the rollback state, if there is one. Call it when the model has been loaded. */
    void accept() const { detail::check(ovseal_opened_accept(get())); }
    /** The handle of the C interface. */
    const ovseal_opened* get() const noexcept { return handle_.get(); }
    /** What keeps it alive. */
    const std::shared_ptr<ovseal_opened>& owner() const noexcept { return handle_; }

private:
    template <typename Make>
    Part make_part(Make make) const {
        // The call-back for progress lives as long as what may call it.
        const auto opened = handle_;
        ovseal_part* part = nullptr;
        detail::check(make(&part));
        return Part({part, [opened](ovseal_part* part) { ovseal_part_free(part); }});
    }

    std::shared_ptr<ovseal_opened> handle_;
};

namespace detail {

/** An opened container, with the call-back that it may call. */
template <typename Make>
Opened opened(const Options& options, Make make) {
    const auto demands = options.demands();
    ovseal_opened* opened = nullptr;
    check(make(demands.get(), &opened));
    const auto progress = options.progress();
    return Opened({opened, [progress](ovseal_opened* opened) { ovseal_opened_free(opened); }});
}

/** A container in memory, for the C interface. */
struct Bytes {
    using Owner = std::shared_ptr<const std::vector<std::uint8_t>>;

    static int read(void* context, std::uint64_t offset, std::uint8_t* buffer, std::size_t length) {
        std::memcpy(buffer, (*static_cast<Owner*>(context))->data() + offset, length);
        return 0;
    }

    static void release(void* context) { delete static_cast<Owner*>(context); }
};

} // namespace detail

/** Opens the container at a path, without a key with this device's own. Everything but the payload is authentic then; parts are decrypted when they are read. */
inline Opened open(const std::filesystem::path& path, const Key& key = device(), const Options& options = {}) {
    return detail::opened(options, [&](const ovseal_open_options* demands, ovseal_opened** opened) {
        return ovseal_open(path.c_str(), key.get(), demands, opened);
    });
}

/** Opens a container in memory. */
inline Opened open(std::shared_ptr<const std::vector<std::uint8_t>> bytes, const Key& key, const Options& options = {}) {
    if (!bytes)
        throw UsageError(OVSEAL_CODE_BAD_ARGUMENT, "the bytes are NULL");
    const std::uint64_t length = bytes->size();
    return detail::opened(options, [&](const ovseal_open_options* demands, ovseal_opened** opened) {
        // The library frees the owner, whatever comes of the call.
        const ovseal_source source = {sizeof(ovseal_source), new detail::Bytes::Owner(std::move(bytes)), length,
                                      detail::Bytes::read, detail::Bytes::release};
        return ovseal_open_source(&source, key.get(), demands, opened);
    });
}

/**
 * Decrypts a container with one part, as `ovseal seal --only` makes it: the function that OpenVINO's guide "Using Encrypted Models" leaves
 * to its reader.
 *
 * Whoever has the passphrase can have made the container. The result is ordinary memory that nobody zeroizes; read_model() of
 * `ovseal/openvino.hpp` does better.
 */
inline void decrypt_file(std::istream& stream, const std::string& password, std::vector<std::uint8_t>& result) {
    auto bytes = std::make_shared<std::vector<std::uint8_t>>();
    std::vector<char> block(1 << 16);
    while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) || stream.gcount() > 0)
        bytes->insert(bytes->end(), block.data(), block.data() + stream.gcount());
    if (stream.bad() || bytes->empty())
        throw EnvironmentError(OVSEAL_CODE_READ, "nothing can be read from the stream");
    const auto parts = open(std::move(bytes), passphrase(password)).parts();
    if (parts.size() != 1)
        throw UsageError(OVSEAL_CODE_USAGE, "the container has " + std::to_string(parts.size()) + " parts, not one",
                         "open it with ovseal::open, or make one of a single file with: ovseal seal --only");
    result = parts.front().read();
}

/** What a sealing would make. */
struct Plan {
    /** A file that would become a part. */
    struct Part {
        std::string path;
        /** What it is to the model: ir, onnx, paddle, weights, file or another word. */
        std::string kind;
        std::uint64_t length;
    };
    std::vector<Part> parts;
    /** Files and folders that would be left out, by their paths in the model's folder. */
    std::vector<std::string> left_out;
};

/** How a model is sealed. */
class SealOptions {
public:
    /** Adds keys to which the container is sealed. */
    SealOptions& recipient(const Key& key) { return recipients_.push_back(key), *this; }
    /** Signs the container; several may sign. */
    SealOptions& publisher_key(const PublisherKey& key) { return publisher_keys_.push_back(key), *this; }
    /** Sets the model's name; otherwise its file's name without extension. */
    SealOptions& name(std::string name) { return name_ = std::move(name), *this; }
    /** Sets the security version. */
    SealOptions& security_version(std::uint64_t version) { return security_version_ = version, *this; }
    /** Seals exactly the one file that is named, without companions. */
    SealOptions& only(bool only = true) { return only_ = only, *this; }
    /** Follows symbolic links inside the model. */
    SealOptions& follow_symlinks(bool follow = true) { return follow_symlinks_ = follow, *this; }
    /** Leaves out the files of a folder that match a pattern, in the syntax of gitignore. */
    SealOptions& exclude(std::string pattern) { return exclude_.push_back(std::move(pattern)), *this; }
    /** Seals every file of a folder, also what is usually left out. Private keys are refused all the same. */
    SealOptions& include_everything(bool include = true) { return include_everything_ = include, *this; }
    /** Allows post-quantum beside classical public keys. */
    SealOptions& allow_mixed(bool allow = true) { return allow_mixed_ = allow, *this; }
    /** Allows to replace an existing container. */
    SealOptions& replace(bool replace = true) { return replace_ = replace, *this; }
    /** Makes the container readable for its owner alone. */
    SealOptions& owner_only(bool owner_only = true) { return owner_only_ = owner_only, *this; }
    /** Sets how many threads encrypt; 0 is as many as there are processors. */
    SealOptions& threads(std::size_t threads) { return threads_ = threads, *this; }
    /** Sets what is called from worker threads with the number of bytes just sealed; false cancels. It must not throw. */
    SealOptions& progress(std::function<bool(std::uint64_t)> call) { return progress_ = std::move(call), *this; }

    /** Seals a model, a file with its companions or a folder. Returns the container's length in bytes. */
    std::uint64_t seal(const std::filesystem::path& model, const std::filesystem::path& output) const {
        const auto settings = model_settings();
        const auto options = settings.get();
        for (const auto& key : recipients_)
            detail::check(ovseal_seal_options_add_recipient(options, key.get()));
        for (const auto& key : publisher_keys_)
            detail::check(ovseal_seal_options_add_publisher_key(options, key.get()));
        if (name_)
            detail::check(ovseal_seal_options_set_name(options, name_->c_str()));
        detail::check(ovseal_seal_options_set_security_version(options, security_version_));
        detail::check(ovseal_seal_options_set_allow_mixed(options, allow_mixed_));
        detail::check(ovseal_seal_options_set_replace(options, replace_));
        detail::check(ovseal_seal_options_set_private(options, owner_only_));
        detail::check(ovseal_seal_options_set_threads(options, threads_));
        auto progress = progress_;
        if (progress)
            detail::check(ovseal_seal_options_set_progress(options, follow, &progress));
        std::uint64_t length = 0;
        detail::check(ovseal_seal(model.c_str(), output.c_str(), options, &length));
        return length;
    }

    /** Finds out what would be sealed, and writes nothing. */
    Plan plan(const std::filesystem::path& model) const {
        const auto settings = model_settings();
        const auto found = detail::made<ovseal_plan>(
            ovseal_plan_free, [&](ovseal_plan** out) { return ovseal_seal_plan(model.c_str(), settings.get(), out); });
        Plan plan;
        for (std::size_t number = 0; const char* path = ovseal_plan_part_path(found.get(), number); ++number)
            plan.parts.push_back({path, ovseal_plan_part_kind(found.get(), number), ovseal_plan_part_length(found.get(), number)});
        plan.left_out = detail::texts([&](std::size_t number) { return ovseal_plan_left_out(found.get(), number); });
        return plan;
    }

private:
    /** The settings that say which files are taken. */
    std::shared_ptr<ovseal_seal_options> model_settings() const {
        auto settings = detail::made<ovseal_seal_options>(ovseal_seal_options_free, ovseal_seal_options_new);
        detail::check(ovseal_seal_options_set_only(settings.get(), only_));
        detail::check(ovseal_seal_options_set_follow_symlinks(settings.get(), follow_symlinks_));
        for (const auto& pattern : exclude_)
            detail::check(ovseal_seal_options_add_exclude(settings.get(), pattern.c_str()));
        detail::check(ovseal_seal_options_set_include_everything(settings.get(), include_everything_));
        return settings;
    }

    static bool follow(void* context, std::uint64_t bytes) noexcept {
        return (*static_cast<std::function<bool(std::uint64_t)>*>(context))(bytes);
    }

    std::vector<Key> recipients_;
    std::vector<PublisherKey> publisher_keys_;
    std::optional<std::string> name_;
    std::uint64_t security_version_ = 0;
    std::vector<std::string> exclude_;
    bool include_everything_ = false;
    bool only_ = false, follow_symlinks_ = false, allow_mixed_ = false, replace_ = false, owner_only_ = false;
    std::size_t threads_ = 0;
    std::function<bool(std::uint64_t)> progress_;
};

/** Settings for sealing, to be added to. */
inline SealOptions seal_options() { return {}; }

/** Seals a model into a container, which appears whole or not at all. Returns its length in bytes. */
inline std::uint64_t seal(const std::filesystem::path& model, const std::filesystem::path& output,
                          const SealOptions& options) {
    return options.seal(model, output);
}

/** Seals a model to one key, and otherwise with the usual settings. */
inline std::uint64_t seal(const std::filesystem::path& model, const std::filesystem::path& output, const Key& recipient) {
    return seal_options().recipient(recipient).seal(model, output);
}

/** Which keys a container gets and which it loses. Removing a stanza revokes nothing. */
class RekeyOptions {
public:
    /** Adds a key. */
    RekeyOptions& add_recipient(const Key& key) {
        detail::check(ovseal_rekey_options_add_recipient(get(), key.get()));
        return *this;
    }
    /** Demands that the container is signed by this publisher, or by another one that is named. */
    RekeyOptions& publisher(const Publisher& publisher) {
        detail::check(ovseal_rekey_options_add_publisher(get(), publisher.get()));
        return *this;
    }
    /** Demands that it is signed by the publisher whose public key is in a file, or by another one that is named. */
    RekeyOptions& publisher(const std::filesystem::path& path) { return publisher(Publisher::read(path)); }
    /** Accepts a container from anyone, without checking a signature, if no publisher is named. */
    RekeyOptions& any_sender(bool accept = true) {
        detail::check(ovseal_rekey_options_set_any_sender(get(), accept));
        return *this;
    }
    /** Removes the stanza with this number, from 0. */
    RekeyOptions& remove_stanza(std::size_t number) {
        detail::check(ovseal_rekey_options_remove_stanza(get(), number));
        return *this;
    }
    /** Refuses when the stanzas were written more often than the caller has seen. */
    RekeyOptions& expect_generation(std::uint64_t generation) {
        detail::check(ovseal_rekey_options_expect_generation(get(), generation));
        return *this;
    }
    /** Allows post-quantum beside classical public keys. */
    RekeyOptions& allow_mixed(bool allow = true) {
        detail::check(ovseal_rekey_options_set_allow_mixed(get(), allow));
        return *this;
    }
    /** Removes stanzas that wait next to the container and that are not taken over otherwise. */
    RekeyOptions& discard_waiting() {
        detail::check(ovseal_rekey_options_set_on_waiting(get(), OVSEAL_WAITING_DISCARD));
        return *this;
    }
    /** Takes over stanzas that wait next to the container. Check first where they come from. */
    RekeyOptions& finish_waiting() {
        detail::check(ovseal_rekey_options_set_on_waiting(get(), OVSEAL_WAITING_FINISH));
        return *this;
    }
    /** Sets how much key derivation from passphrases is allowed, in MiB of memory times passes; 1024 by default. */
    RekeyOptions& kdf_limit(std::uint32_t mib) {
        detail::check(ovseal_rekey_options_set_kdf_limit(get(), mib));
        return *this;
    }
    /** The handle of the C interface. */
    ovseal_rekey_options* get() const noexcept { return handle_.get(); }

private:
    std::shared_ptr<ovseal_rekey_options> handle_ =
        detail::made<ovseal_rekey_options>(ovseal_rekey_options_free, ovseal_rekey_options_new);
};

/** Settings for rekeying, to be added to. */
inline RekeyOptions rekey_options() { return {}; }

/** Changes the keys of a container, which `key` opens. The payload is not touched. */
inline ovseal_rekeyed rekey(const std::filesystem::path& path, const Key& key, const RekeyOptions& options) {
    ovseal_rekeyed rekeyed = {};
    detail::check(ovseal_rekey(path.c_str(), key.get(), options.get(), &rekeyed));
    return rekeyed;
}

/** Adds keys to a container that cannot be written, in the file NAME.ovseal.keys beside it. */
inline ovseal_rekeyed write_side_file(const std::filesystem::path& path, const Key& key, const RekeyOptions& options) {
    ovseal_rekeyed rekeyed = {};
    detail::check(ovseal_write_side_file(path.c_str(), key.get(), options.get(), &rekeyed));
    return rekeyed;
}

/** What a successful verification showed. */
struct Verification {
    /** The trusted publisher who signed; empty when none was named. */
    std::string publisher;
    /** All publishers who claim to have signed. */
    std::vector<std::string> claimed_publishers;
    /** The security version, which is believable only with a publisher or a key. */
    std::uint64_t security_version;
    /** True if a key showed that the content is what a holder of the key sealed; false without a key. */
    bool content_verified;
};

namespace detail {
inline Verification verify(const std::filesystem::path& path, const ovseal_key* key, const Options& options) {
    // The result says whether a signature was checked.
    const auto demands = options.demands(OVSEAL_TRUST_ANY_SENDER);
    const auto found = made<ovseal_verification>(ovseal_verification_free, [&](ovseal_verification** out) {
        return ovseal_verify(path.c_str(), key, demands.get(), out);
    });
    return {text(ovseal_verification_publisher(found.get())),
            texts([&](std::size_t number) { return ovseal_verification_claimed_publisher(found.get(), number); }),
            ovseal_verification_security_version(found.get()), ovseal_verification_content_verified(found.get())};
}
} // namespace detail

/**
 * Verifies all that can be verified without a key: signature, demands, and the digest of every chunk.
 *
 * It shows who signed, and not that the content is what a holder of the key sealed.
 */
inline Verification verify(const std::filesystem::path& path, const Options& options = {}) {
    return detail::verify(path, nullptr, options);
}

/** Verifies everything, with a key. */
inline Verification verify(const std::filesystem::path& path, const Key& key, const Options& options = {}) {
    return detail::verify(path, key.get(), options);
}

/** The public face of a container; none of it is authenticated. */
struct Inspection {
    std::string container_id;
    /** SHA-256 of the model's name, 64 hexadecimal digits. */
    std::string model_id;
    /** Length of the file in bytes. */
    std::uint64_t length;
    std::uint64_t security_version;
    /** How often the stanzas were written: 1 after sealing. */
    std::uint64_t generation;
    /** The types of the container's stanzas, such as passphrase or x-wing. */
    std::vector<std::string> stanzas;
    /** The types of the side file's stanzas. */
    std::vector<std::string> side_stanzas;
    /** Publishers who claim to have signed. */
    std::vector<std::string> publishers;
    /** Lengths of the parts in bytes. */
    std::vector<std::uint64_t> part_lengths;
};

/** Looks at a container. */
inline Inspection inspect(const std::filesystem::path& path) {
    const auto owner = detail::made<ovseal_inspection>(
        ovseal_inspection_free, [&](ovseal_inspection** out) { return ovseal_inspect(path.c_str(), out); });
    const ovseal_inspection* found = owner.get();
    std::vector<std::uint64_t> lengths(ovseal_inspection_part_count(found));
    for (std::size_t i = 0; i < lengths.size(); ++i)
        lengths[i] = ovseal_inspection_part_length(found, i);
    const auto texts = [&](const char* (*accessor)(const ovseal_inspection*, std::size_t)) {
        return detail::texts([&](std::size_t number) { return accessor(found, number); });
    };
    return {detail::text(ovseal_inspection_container_id(found)),
            detail::text(ovseal_inspection_model_id(found)),
            ovseal_inspection_length(found),
            ovseal_inspection_security_version(found),
            ovseal_inspection_generation(found),
            texts(ovseal_inspection_stanza),
            texts(ovseal_inspection_side_stanza),
            texts(ovseal_inspection_publisher),
            lengths};
}

/** What this host, and this process on it, gives to protect keys and weights. */
inline ovseal_protections protections() {
    ovseal_protections found = {};
    found.size = sizeof found;
    detail::check(ovseal_protections_read(&found));
    return found;
}

/** Turns core dumps off and keeps debuggers of the same user out; must be the first thing that main does. Says whether both worked. */
inline bool harden_process() noexcept { return ovseal_harden_process(); }

/** The version of the library. */
inline std::string version() { return ovseal_version(); }

} // namespace ovseal

#endif
