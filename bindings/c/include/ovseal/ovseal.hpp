/**
 * ovseal for C++17, without OpenVINO.
 *
 *     auto options = ovseal::options().publisher("acme.pub");
 *     auto opened = ovseal::open("model.ovseal", ovseal::passphrase(password), options);
 *     std::vector<std::uint8_t> vocabulary = opened.part("tokenizer/vocab.txt").read();
 *
 * Keys, publishers, opened containers, parts and mappings are handles: copies refer to the same
 * object, which is freed with the last of them. A failure is thrown as ovseal::Error, or the
 * subclass for its kind. To use models with OpenVINO, include `ovseal/openvino.hpp`.
 *
 * The headers are inline code over the C interface, so no C++ type crosses the library's boundary.
 */
#ifndef OVSEAL_OVSEAL_HPP
#define OVSEAL_OVSEAL_HPP

#include <ovseal/error.hpp>
#include <ovseal/inspect.hpp>
#include <ovseal/keys.hpp>
#include <ovseal/open.hpp>
#include <ovseal/options.hpp>
#include <ovseal/publishers.hpp>
#include <ovseal/rekey.hpp>
#include <ovseal/seal.hpp>

namespace ovseal {

/** Returns the protections of keys and weights on this host and in this process. */
inline ovseal_protections protections() {
    ovseal_protections found = OVSEAL_PROTECTIONS_INIT;
    detail::check(ovseal_protections_read(&found));
    return found;
}

/**
 * Turns off core dumps and keeps out debuggers of the same user. Returns whether both worked.
 *
 * Call this at the start of main().
 */
inline bool harden_process() noexcept { return ovseal_harden_process(); }

/** Returns the version of the library. */
inline std::string version() { return ovseal_version(); }

} // namespace ovseal

#endif
