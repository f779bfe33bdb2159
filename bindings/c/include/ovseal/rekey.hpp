/**
 * Changing the keys of containers.
 */
#ifndef OVSEAL_REKEY_HPP
#define OVSEAL_REKEY_HPP

#include <ovseal/publishers.hpp>

namespace ovseal {

/**
 * Options for adding and removing a container's keys.
 *
 * Removing a stanza does not revoke access: anyone who could open the container can keep a copy.
 * Specify the publisher, or accept any sender, unless all of the container's keys are passphrases
 * and key files.
 */
class RekeyOptions {
public:
    /** Adds a key. */
    RekeyOptions& add_recipient(const Key& key) { return add_.push_back(key), *this; }
    /** Requires a signature by this publisher. Call it again to trust several. */
    RekeyOptions& publisher(const Publisher& publisher) { return trust_.add(publisher), *this; }
    /** Requires a signature by the publisher whose public key is in a file. */
    RekeyOptions& publisher(const std::filesystem::path& path) { return publisher(Publisher::read(path)); }
    /**
     * Accepts a container from anyone, without checking signatures. Naming a publisher overrides
     * it.
     */
    RekeyOptions& any_sender(bool accept = true) { return trust_.accept_any_sender(accept), *this; }
    /** Removes the stanza with this number, counted from 0. */
    RekeyOptions& remove_stanza(std::size_t number) { return remove_.push_back(number), *this; }
    /** Requires this generation of the container's stanzas. */
    RekeyOptions& expect_generation(std::uint64_t generation) { return generation_ = generation, *this; }
    /** Allows post-quantum and classical public keys in one container. */
    RekeyOptions& allow_mixed(bool allow = true) { return allow_mixed_ = allow ? OVSEAL_REKEY_ALLOW_MIXED : 0, *this; }
    /** Discards the pending stanzas next to the container. */
    RekeyOptions& discard_waiting() { return on_waiting_ = OVSEAL_REKEY_DISCARD_WAITING, *this; }
    /** Adopts the pending stanzas next to the container. Check first where they come from. */
    RekeyOptions& finish_waiting() { return on_waiting_ = OVSEAL_REKEY_FINISH_WAITING, *this; }
    /**
     * Limits key derivation from passphrases, in MiB of memory times passes. The default is 1024.
     */
    RekeyOptions& kdf_limit(std::uint32_t mib) { return kdf_limit_ = mib, *this; }

    /** Passes these options to a call of the C interface, and returns its error. */
    template <typename Call>
    ovseal_error* lend(Call call) const {
        ovseal_rekey_options options = OVSEAL_REKEY_OPTIONS_INIT;
        const auto publishers = trust_.fill(options, OVSEAL_TRUST_SHARED_SECRET);
        const auto add = detail::handles(add_);
        options.flags = allow_mixed_ | on_waiting_;
        options.add_recipients = add.data();
        options.add_recipient_count = add.size();
        options.remove_stanzas = remove_.data();
        options.remove_stanza_count = remove_.size();
        options.expected_generation = detail::pointer(generation_);
        options.kdf_limit = detail::pointer(kdf_limit_);
        return call(static_cast<const ovseal_rekey_options*>(&options));
    }

private:
    detail::Trust trust_;
    std::vector<Key> add_;
    std::vector<std::size_t> remove_;
    std::optional<std::uint64_t> generation_;
    std::uint32_t allow_mixed_ = 0;
    std::uint32_t on_waiting_ = 0;
    std::optional<std::uint32_t> kdf_limit_;
};

/** Starts with options that change nothing. */
inline RekeyOptions rekey_options() { return {}; }

/** Changes the keys of a container, which `key` opens. The payload is not touched. */
inline ovseal_rekeyed rekey(const std::filesystem::path& path, const Key& key, const RekeyOptions& options) {
    ovseal_rekeyed rekeyed = {};
    detail::check(
        options.lend([&](auto options) { return ovseal_rekey(path.c_str(), key.get(), options, &rekeyed); }));
    return rekeyed;
}

/** Adds keys in the file NAME.ovseal.keys next to the container, which is not modified. */
inline ovseal_rekeyed write_side_file(const std::filesystem::path& path, const Key& key, const RekeyOptions& options) {
    ovseal_rekeyed rekeyed = {};
    detail::check(
        options.lend([&](auto options) { return ovseal_write_side_file(path.c_str(), key.get(), options, &rekeyed); }));
    return rekeyed;
}

} // namespace ovseal

#endif
