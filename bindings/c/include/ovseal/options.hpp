/**
 * Options for opening and verifying containers.
 */
#ifndef OVSEAL_OPTIONS_HPP
#define OVSEAL_OPTIONS_HPP

#include <algorithm>
#include <functional>

#include <ovseal/publishers.hpp>

namespace ovseal {

/** The choice of when the weights of a network are decrypted. */
enum class Opening : std::uint32_t {
    /** Overlapped for the device CPU, eager for others. */
    automatic = OVSEAL_OPENING_AUTO,
    /** Before the runtime reads anything. */
    eager = OVSEAL_OPENING_EAGER,
    /** While the runtime reads, which waits when it accesses a chunk that is not decrypted yet. */
    overlapped = OVSEAL_OPENING_OVERLAPPED
};

/**
 * The requirements for a container, and how to open it.
 *
 * Specify a publisher, or accept any sender. Without either, you can only open containers whose
 * keys are all passphrases and key files. A required name, a minimum security version and a
 * rollback state need a publisher.
 */
class Options {
public:
    /** Trusts a publisher. Call it again to trust several. */
    Options& publisher(const Publisher& publisher) { return trust_.add(publisher), *this; }
    /** Trusts the publisher whose public key is in a file. */
    Options& publisher(const std::filesystem::path& path) { return publisher(Publisher::read(path)); }
    /** Trusts a publisher, but only for the model of this name. Call it again for other names. */
    Options& publisher_for(const Publisher& publisher, std::string name) {
        return trust_.add(publisher, std::move(name)), *this;
    }
    /** Trusts the publisher whose public key is in a file, but only for the model of this name. */
    Options& publisher_for(const std::filesystem::path& path, std::string name) {
        return publisher_for(Publisher::read(path), std::move(name));
    }
    /**
     * Accepts a container from anyone, without checking signatures. Specifying a publisher
     * overrides this.
     */
    Options& any_sender(bool accept = true) { return trust_.accept_any_sender(accept), *this; }
    /** Requires the model to have this name. */
    Options& name(std::string name) { return name_ = std::move(name), *this; }
    /** Requires at least this security version. */
    Options& min_security_version(std::uint64_t version) { return min_security_version_ = version, *this; }
    /**
     * Requires at least the highest security version that this device has accepted before, which is
     * kept in a file.
     */
    Options& rollback_state(std::filesystem::path file) { return rollback_state_ = std::move(file), *this; }
    /**
     * Limits key derivation from passphrases, in MiB of memory times passes. The default is 1024.
     */
    Options& kdf_limit(std::uint32_t mib) { return kdf_limit_ = mib, *this; }
    /**
     * Limits the bytes of a network's weights in memory while OpenVINO reads them. The default is
     * as many as there is room for.
     *
     * The rest is decrypted again when it is read again. It applies to overlapped openings.
     */
    Options& memory_budget(std::uint64_t bytes) { return memory_budget_ = bytes, *this; }
    /** Sets the number of threads that decrypt; 0 for one per processor. */
    Options& threads(std::size_t threads) { return threads_ = threads, *this; }
    /**
     * Sets a function that is called with the number of bytes just decrypted.
     *
     * Several threads call it at once. It must not throw.
     */
    Options& progress(std::function<void(std::uint64_t)> call) {
        progress_ = call ? std::make_shared<std::function<void(std::uint64_t)>>(std::move(call)) : nullptr;
        return *this;
    }
    /** Chooses one of the container's networks. */
    Options& part(std::string path) { return part_ = std::move(path), *this; }
    /** Chooses when weights are decrypted. */
    Options& opening(Opening opening) { return opening_ = opening, *this; }
    /** Caches compiled models in a directory, sealed for this device and their container. */
    Options& cache_dir(std::filesystem::path directory) { return cache_dir_ = std::move(directory), *this; }
    /** Limits the total size of the cached models, in bytes. */
    Options& cache_limit(std::uint64_t bytes) { return cache_limit_ = bytes, *this; }
    /** Sets the file with this device's secret, which protects the cache. */
    Options& device_secret(std::filesystem::path file) { return device_secret_ = std::move(file), *this; }

    /** These return the options that were set. */
    const std::shared_ptr<std::function<void(std::uint64_t)>>& progress() const noexcept { return progress_; }
    const std::optional<std::string>& part() const noexcept { return part_; }
    Opening opening() const noexcept { return opening_; }
    const std::optional<std::filesystem::path>& cache_dir() const noexcept { return cache_dir_; }
    std::uint64_t cache_limit() const noexcept { return cache_limit_; }
    const std::optional<std::filesystem::path>& device_secret() const noexcept { return device_secret_; }

    /**
     * Passes these options to a call of the C interface, and returns its error.
     *
     * `unnamed` is the trust if you neither specify a publisher nor accept any sender.
     */
    template <typename Call>
    ovseal_error* lend(Call call, std::uint32_t unnamed = OVSEAL_TRUST_SHARED_SECRET) const {
        ovseal_open_options options = OVSEAL_OPEN_OPTIONS_INIT;
        const auto publishers = trust_.fill(options, unnamed);
        options.name = detail::c_str(name_);
        options.min_security_version = detail::pointer(min_security_version_);
        options.rollback_state = detail::c_str(rollback_state_);
        options.kdf_limit = detail::pointer(kdf_limit_);
        options.memory_budget = detail::pointer(memory_budget_);
        options.threads = static_cast<std::uint32_t>(std::min<std::size_t>(threads_, UINT32_MAX));
        options.progress = progress_ ? follow : nullptr;
        options.progress_context = progress_.get();
        return call(static_cast<const ovseal_open_options*>(&options));
    }

private:
    static bool follow(void* context, std::uint64_t bytes) noexcept {
        (*static_cast<std::function<void(std::uint64_t)>*>(context))(bytes);
        return true;
    }

    detail::Trust trust_;
    std::optional<std::string> name_;
    std::optional<std::uint64_t> min_security_version_;
    std::optional<std::filesystem::path> rollback_state_;
    std::optional<std::uint32_t> kdf_limit_;
    std::optional<std::uint64_t> memory_budget_;
    std::size_t threads_ = 0;
    std::shared_ptr<std::function<void(std::uint64_t)>> progress_;
    std::optional<std::string> part_;
    Opening opening_ = Opening::automatic;
    std::optional<std::filesystem::path> cache_dir_;
    std::uint64_t cache_limit_ = 0;
    std::optional<std::filesystem::path> device_secret_;
};

/** Starts with no requirements. */
inline Options options() { return {}; }

} // namespace ovseal

#endif
