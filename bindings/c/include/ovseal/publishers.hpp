/**
 * Publishers, who sign containers.
 */
#ifndef OVSEAL_PUBLISHERS_HPP
#define OVSEAL_PUBLISHERS_HPP

#include <ovseal/keys.hpp>

namespace ovseal {

/** A publisher's public key, which a device trusts. */
class Publisher {
public:
    /** Wraps a handle of the C interface. */
    explicit Publisher(std::shared_ptr<ovseal_publisher> handle) : handle_(std::move(handle)) {}
    /** Parses a public key in PEM. */
    static Publisher parse(const std::string& pem) {
        return Publisher(detail::made<ovseal_publisher_free>(
            [&](auto publisher) { return ovseal_publisher_parse(pem.c_str(), publisher); }));
    }
    /** Reads a file with a public key in PEM. */
    static Publisher read(const std::filesystem::path& path) {
        return Publisher(detail::made<ovseal_publisher_free>(
            [&](auto publisher) { return ovseal_publisher_parse_at(path.c_str(), publisher); }));
    }
    /** Returns the key's id, 64 hexadecimal digits. */
    std::string id() const { return detail::text(ovseal_publisher_id(get())); }
    /** Returns the key in PEM. */
    std::string pem() const { return detail::text(ovseal_publisher_pem(get())); }
    /** Returns the handle of the C interface. */
    const ovseal_publisher* get() const noexcept { return handle_.get(); }

private:
    std::shared_ptr<ovseal_publisher> handle_;
};

/** A publisher's private key, which signs containers. */
class PublisherKey {
public:
    /** Generates a key. */
    static PublisherKey generate() {
        return PublisherKey(detail::made<ovseal_publisher_key_free>(ovseal_publisher_key_generate));
    }
    /** Parses a private key in PEM. */
    static PublisherKey parse(const std::string& pem) {
        return PublisherKey(detail::made<ovseal_publisher_key_free>(
            [&](auto key) { return ovseal_publisher_key_parse(pem.c_str(), key); }));
    }
    /** Returns the key in PEM, for you to store. */
    Secret pem() const {
        return Secret(detail::made<ovseal_secret_free>(
            [&](auto pem) { return ovseal_publisher_key_encode(get(), pem); }));
    }
    /** Returns the public key that belongs to it. */
    Publisher publisher() const {
        return Publisher(detail::made<ovseal_publisher_free>(
            [&](auto publisher) { return ovseal_publisher_key_public(get(), publisher); }));
    }
    /** Returns the handle of the C interface. */
    const ovseal_publisher_key* get() const noexcept { return handle_.get(); }

private:
    explicit PublisherKey(std::shared_ptr<ovseal_publisher_key> handle) : handle_(std::move(handle)) {}
    std::shared_ptr<ovseal_publisher_key> handle_;
};

namespace detail {

/** The accepted senders of a container. */
class Trust {
public:
    void add(const Publisher& publisher, std::optional<std::string> model_name = std::nullopt) {
        publishers_.push_back({publisher, std::move(model_name)});
    }

    void accept_any_sender(bool accept) { any_sender_ = accept; }

    /**
     * Writes the trust to options of the C interface; `unnamed` if no sender is specified.
     *
     * Returns the array to which the options point.
     */
    template <typename Options>
    [[nodiscard]] std::vector<ovseal_trusted_publisher> fill(Options& options, std::uint32_t unnamed) const {
        std::vector<ovseal_trusted_publisher> trusted;
        for (const auto& [publisher, model_name] : publishers_)
            trusted.push_back({publisher.get(), c_str(model_name)});
        options.publishers = trusted.data();
        options.publisher_count = trusted.size();
        if (trusted.empty())
            options.trust = any_sender_ ? OVSEAL_TRUST_ANY_SENDER : unnamed;
        return trusted;
    }

private:
    /** Publishers, each with the only model it may sign, if that is limited. */
    std::vector<std::pair<Publisher, std::optional<std::string>>> publishers_;
    bool any_sender_ = false;
};

} // namespace detail

} // namespace ovseal

#endif
