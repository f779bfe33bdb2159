/**
 * Verifying and inspecting containers.
 */
#ifndef OVSEAL_INSPECT_HPP
#define OVSEAL_INSPECT_HPP

#include <ovseal/options.hpp>

namespace ovseal {

/** The result of a successful verification. */
struct Verification {
    /** The id of the trusted publisher who signed; empty if no publisher was specified. */
    std::string publisher;
    /** The ids of all publishers who claim to have signed. */
    std::vector<std::string> claimed_publishers;
    /** The security version. It is authentic only with a publisher or a key. */
    std::uint64_t security_version;
    /** True if the content was verified with a key, so that a holder of the key sealed it. */
    bool content_verified;
};

namespace detail {
inline Verification verify(const std::filesystem::path& path, const ovseal_key* key, const Options& options) {
    const auto verify = [&](ovseal_verification** out) {
        // Any sender is accepted if none is specified: the result says whether a signature was
        // checked.
        return options.lend([&](auto options) { return ovseal_verify(path.c_str(), key, options, out); },
                            OVSEAL_TRUST_ANY_SENDER);
    };
    const auto found = made<ovseal_verification_free>(verify);
    return {text(ovseal_verification_publisher(found.get())),
            texts([&](std::size_t number) { return ovseal_verification_claimed_publisher(found.get(), number); }),
            ovseal_verification_security_version(found.get()), ovseal_verification_content_verified(found.get())};
}
} // namespace detail

/**
 * Verifies everything that can be verified without a key: the signature, the requirements in the
 * options, and the digest of every chunk.
 *
 * This shows who signed, not that the content is what a holder of the key sealed.
 */
inline Verification verify(const std::filesystem::path& path, const Options& options = {}) {
    return detail::verify(path, nullptr, options);
}

/** Verifies everything, with a key. */
inline Verification verify(const std::filesystem::path& path, const Key& key, const Options& options = {}) {
    return detail::verify(path, key.get(), options);
}

/** The facts that a container shows without a key; none of them is authenticated. */
struct Inspection {
    std::string container_id;
    /** The SHA-256 of the model's name, 64 hexadecimal digits. */
    std::string model_id;
    /** The length of the file in bytes. */
    std::uint64_t length;
    std::uint64_t security_version;
    /** The generation: the number of times the stanzas have been written, 1 after sealing. */
    std::uint64_t generation;
    /** The types of the container's stanzas, such as passphrase or x-wing. */
    std::vector<std::string> stanzas;
    /** The types of the side file's stanzas. */
    std::vector<std::string> side_stanzas;
    /** The ids of publishers who claim to have signed. */
    std::vector<std::string> publishers;
    /** The lengths of the parts in bytes. */
    std::vector<std::uint64_t> part_lengths;
};

/** Inspects a container. */
inline Inspection inspect(const std::filesystem::path& path) {
    const auto owner = detail::made<ovseal_inspection_free>([&](auto out) { return ovseal_inspect(path.c_str(), out); });
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

} // namespace ovseal

#endif
