/**
 * Sealing models.
 */
#ifndef OVSEAL_SEAL_HPP
#define OVSEAL_SEAL_HPP

#include <algorithm>
#include <functional>

#include <ovseal/publishers.hpp>

namespace ovseal {

/** The parts that sealing would create. */
struct Plan {
    /** A file that would become a part. */
    struct Part {
        std::string path;
        /** ir, onnx, paddle, compiled, weights, file, or other. */
        std::string kind;
        std::uint64_t length;
    };
    std::vector<Part> parts;
    /** Files and directories that would be left out, relative to the model's directory. */
    std::vector<std::string> left_out;
};

/** Options for sealing. Add at least one recipient. */
class SealOptions {
public:
    /** Adds a key to seal to. */
    SealOptions& recipient(const Key& key) { return recipients_.push_back(key), *this; }
    /** Signs the container with this key. Call it again to add signatures. */
    SealOptions& publisher_key(const PublisherKey& key) { return publisher_keys_.push_back(key), *this; }
    /** Sets the model's name. The default is the name of its file, without the extension. */
    SealOptions& name(std::string name) { return name_ = std::move(name), *this; }
    /** Sets the security version. Devices can require a minimum. */
    SealOptions& security_version(std::uint64_t version) { return security_version_ = version, *this; }
    /** Seals only the given file: no companion files, and no check that OpenVINO can load it. */
    SealOptions& only(bool only = true) { return set(OVSEAL_SEAL_ONLY, only); }
    /** Follows symbolic links inside the model, instead of rejecting them. */
    SealOptions& follow_symlinks(bool follow = true) { return set(OVSEAL_SEAL_FOLLOW_SYMLINKS, follow); }
    /** Leaves out the files of a directory that match a pattern in the syntax of gitignore. */
    SealOptions& exclude(std::string pattern) { return exclude_.push_back(std::move(pattern)), *this; }
    /**
     * Seals every file of a directory, including those left out by default. Private keys are still
     * rejected.
     */
    SealOptions& include_everything(bool include = true) { return set(OVSEAL_SEAL_INCLUDE_EVERYTHING, include); }
    /** Allows post-quantum and classical public keys in one container. */
    SealOptions& allow_mixed(bool allow = true) { return set(OVSEAL_SEAL_ALLOW_MIXED, allow); }
    /** Replaces an existing container. Any other existing file is an error. */
    SealOptions& replace(bool replace = true) { return set(OVSEAL_SEAL_REPLACE, replace); }
    /** Makes the container readable by its owner only. */
    SealOptions& owner_only(bool owner_only = true) { return set(OVSEAL_SEAL_PRIVATE, owner_only); }
    /** Sets the number of threads that encrypt; 0 for one per processor. */
    SealOptions& threads(std::size_t threads) { return threads_ = threads, *this; }
    /**
     * Sets a function that is called with the number of bytes just sealed, and returns false to
     * cancel.
     *
     * Several threads call it at once. It must not throw.
     */
    SealOptions& progress(std::function<bool(std::uint64_t)> call) { return progress_ = std::move(call), *this; }

    /**
     * Seals a model: a file with its companion files, or a directory. Returns the container's
     * length in bytes.
     */
    std::uint64_t seal(const std::filesystem::path& model, const std::filesystem::path& output) const {
        std::uint64_t length = 0;
        detail::check(
            lend([&](auto options) { return ovseal_seal(model.c_str(), output.c_str(), options, &length); }));
        return length;
    }

    /** Finds what would be sealed, without writing anything. */
    Plan plan(const std::filesystem::path& model) const {
        const auto found = detail::made<ovseal_plan_free>([&](ovseal_plan** plan) {
            return lend([&](auto options) { return ovseal_seal_plan(model.c_str(), options, plan); });
        });
        Plan plan;
        for (std::size_t number = 0; const char* path = ovseal_plan_part_path(found.get(), number); ++number)
            plan.parts.push_back(
                {path, ovseal_plan_part_kind(found.get(), number), ovseal_plan_part_length(found.get(), number)});
        plan.left_out = detail::texts([&](std::size_t number) { return ovseal_plan_left_out(found.get(), number); });
        return plan;
    }

private:
    SealOptions& set(std::uint32_t flag, bool on) { return flags_ = on ? flags_ | flag : flags_ & ~flag, *this; }

    /** Passes these options to a call of the C interface, and returns its error. */
    template <typename Call>
    ovseal_error* lend(Call call) const {
        const auto recipients = detail::handles(recipients_);
        const auto publisher_keys = detail::handles(publisher_keys_);
        std::vector<const char*> exclude;
        for (const auto& pattern : exclude_)
            exclude.push_back(pattern.c_str());
        auto progress = progress_;
        ovseal_seal_options options = OVSEAL_SEAL_OPTIONS_INIT;
        options.flags = flags_;
        options.threads = static_cast<std::uint32_t>(std::min<std::size_t>(threads_, UINT32_MAX));
        options.recipients = recipients.data();
        options.recipient_count = recipients.size();
        options.publisher_keys = publisher_keys.data();
        options.publisher_key_count = publisher_keys.size();
        options.name = detail::c_str(name_);
        options.security_version = security_version_;
        options.exclude = exclude.data();
        options.exclude_count = exclude.size();
        options.progress = progress ? follow : nullptr;
        options.progress_context = &progress;
        return call(static_cast<const ovseal_seal_options*>(&options));
    }

    static bool follow(void* context, std::uint64_t bytes) noexcept {
        return (*static_cast<std::function<bool(std::uint64_t)>*>(context))(bytes);
    }

    std::vector<Key> recipients_;
    std::vector<PublisherKey> publisher_keys_;
    std::optional<std::string> name_;
    std::uint64_t security_version_ = 0;
    std::vector<std::string> exclude_;
    std::uint32_t flags_ = 0;
    std::size_t threads_ = 0;
    std::function<bool(std::uint64_t)> progress_;
};

/** Starts with the defaults. */
inline SealOptions seal_options() { return {}; }

/**
 * Seals a model into a container, which appears whole or not at all. Returns its length in bytes.
 */
inline std::uint64_t seal(const std::filesystem::path& model, const std::filesystem::path& output,
                          const SealOptions& options) {
    return options.seal(model, output);
}

/** Seals a model to one key, with the defaults. */
inline std::uint64_t seal(const std::filesystem::path& model, const std::filesystem::path& output, const Key& recipient) {
    return seal_options().recipient(recipient).seal(model, output);
}

} // namespace ovseal

#endif
