/**
 * Opened containers and their parts.
 */
#ifndef OVSEAL_OPEN_HPP
#define OVSEAL_OPEN_HPP

#include <istream>

#include <ovseal/options.hpp>

namespace ovseal {

/** Keeps all bytes of a mapping in memory while it lives, so that system calls can use them. */
using Populated = std::shared_ptr<ovseal_populated>;

/** Decrypted bytes in read-only memory, zeroized with the last copy of this object. */
class Mapping {
public:
    /** Creates an empty object. */
    Mapping() = default;
    /** Wraps a handle of the C interface. */
    explicit Mapping(std::shared_ptr<ovseal_mapping> handle) : handle_(std::move(handle)) {}
    /** Returns the bytes. */
    const std::uint8_t* data() const noexcept { return ovseal_mapping_data(handle_.get()); }
    /** Returns the number of bytes. */
    std::size_t size() const noexcept { return ovseal_mapping_length(handle_.get()); }
    const std::uint8_t* begin() const noexcept { return data(); }
    const std::uint8_t* end() const noexcept { return data() + size(); }
    /** Returns whether the memory is locked, and so never swapped to disk. */
    bool is_locked() const noexcept { return ovseal_mapping_is_locked(handle_.get()); }
    /** Returns the size in bytes of the pages that are in memory now. */
    std::size_t resident_bytes() const noexcept { return ovseal_mapping_resident_bytes(handle_.get()); }
    /**
     * Returns the pages to the kernel. They are decrypted again when they are accessed. Returns
     * false if the host does not support that.
     */
    bool release() const noexcept { return ovseal_mapping_release(handle_.get()); }
    /** Does the same as release(), on another thread. */
    void release_in_background() const noexcept { ovseal_mapping_release_in_background(handle_.get()); }
    /** Decrypts all released pages and keeps them in memory while the result lives. */
    Populated populate() const {
        return detail::made<ovseal_populated_free>(
            [&](auto populated) { return ovseal_mapping_populate(handle_.get(), populated); });
    }
    /** Returns whether this is a mapping, and not empty. */
    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** Returns the owner of the bytes. */
    const std::shared_ptr<ovseal_mapping>& owner() const noexcept { return handle_; }

private:
    std::shared_ptr<ovseal_mapping> handle_;
};

/** A part of an opened container: one file of the model. */
class Part {
public:
    /** Wraps a handle of the C interface. */
    explicit Part(std::shared_ptr<ovseal_part> handle) : handle_(std::move(handle)) {}
    /** Returns the part's path in the container. */
    std::string path() const { return detail::text(ovseal_part_path(handle_.get())); }
    /** Returns the part's kind: ir, onnx, paddle, compiled, weights, file, or other. */
    std::string kind() const { return detail::text(ovseal_part_kind(handle_.get())); }
    /** Returns the part's length in bytes. */
    std::uint64_t length() const noexcept { return ovseal_part_length(handle_.get()); }
    /** Returns the numbers of the parts that this topology needs. */
    std::vector<std::size_t> companions() const {
        std::vector<std::size_t> numbers(ovseal_part_companion_count(handle_.get()));
        for (std::size_t i = 0; i < numbers.size(); ++i)
            numbers[i] = ovseal_part_companion(handle_.get(), i);
        return numbers;
    }
    /**
     * Decrypts the whole part into ordinary memory, which is not zeroized. Use map() for secret
     * content.
     */
    std::vector<std::uint8_t> read() const {
        std::vector<std::uint8_t> bytes(length());
        read_into(bytes.data(), bytes.size());
        return bytes;
    }
    /** Decrypts the whole part into a buffer of exactly its length. */
    void read_into(void* buffer, std::size_t length) const {
        detail::check(ovseal_part_read(handle_.get(), static_cast<std::uint8_t*>(buffer), length));
    }
    /** Decrypts some bytes at an offset, reading only the chunks that contain them. */
    void read_range(std::uint64_t offset, void* buffer, std::size_t length) const {
        detail::check(ovseal_part_read_range(handle_.get(), offset, static_cast<std::uint8_t*>(buffer), length));
    }
    /** Decrypts the whole part into memory that is excluded from dumps and forks, and zeroized. */
    Mapping map() const {
        return Mapping(detail::made<ovseal_mapping_free>(
            [&](auto mapping) { return ovseal_part_map(handle_.get(), mapping); }, handle_));
    }

private:
    std::shared_ptr<ovseal_part> handle_;
};

/** An opened container. */
class Opened {
public:
    /** Wraps a handle of the C interface. */
    explicit Opened(std::shared_ptr<ovseal_opened> handle) : handle_(std::move(handle)) {}
    /** Returns the model's name. */
    std::string name() const { return detail::text(ovseal_opened_name(get())); }
    /** Returns the model's security version. */
    std::uint64_t security_version() const noexcept { return ovseal_opened_security_version(get()); }
    /** Returns the container's random id, 64 hexadecimal digits. */
    std::string container_id() const { return detail::text(ovseal_opened_container_id(get())); }
    /** Returns the id of the trusted publisher who signed; empty if no publisher was specified. */
    std::string publisher() const { return detail::text(ovseal_opened_publisher(get())); }
    /** Returns the ids of all publishers who claim to have signed. */
    std::vector<std::string> claimed_publishers() const {
        return detail::texts([&](std::size_t number) { return ovseal_opened_claimed_publisher(get(), number); });
    }
    /** Returns all parts, in the order of the container. */
    std::vector<Part> parts() const {
        std::vector<Part> parts;
        for (std::size_t number = 0; number < ovseal_opened_part_count(get()); ++number)
            parts.push_back(make_part([&](auto part) { return ovseal_opened_part_by_number(get(), number, part); }));
        return parts;
    }
    /** Returns the part with this path. */
    Part part(const std::string& path) const {
        return make_part([&](auto part) { return ovseal_opened_part(get(), path.c_str(), part); });
    }
    /**
     * Returns the compiled model at this path, or the only one. Pass it to ovseal::import_model().
     */
    Part compiled_part(const std::optional<std::string>& path = std::nullopt) const {
        return make_part([&](auto part) { return ovseal_opened_compiled_part(get(), detail::c_str(path), part); });
    }
    /** Raises the rollback state, if there is one. Call this after the model has been loaded. */
    void accept() const { detail::check(ovseal_opened_accept(get())); }
    /** Returns the handle of the C interface. */
    const ovseal_opened* get() const noexcept { return handle_.get(); }
    /** Returns the owner of the handle. */
    const std::shared_ptr<ovseal_opened>& owner() const noexcept { return handle_; }

private:
    /** A part keeps the opened container, which keeps the progress callback. */
    template <typename Make>
    Part make_part(Make make) const {
        return Part(detail::made<ovseal_part_free>(make, handle_));
    }

    std::shared_ptr<ovseal_opened> handle_;
};

namespace detail {

/** Opens a container, which keeps the progress callback. */
template <typename Make>
Opened opened(const Options& options, Make make) {
    const auto opening = [&](ovseal_opened** opened) {
        return options.lend([&](const ovseal_open_options* options) { return make(options, opened); });
    };
    return Opened(made<ovseal_opened_free>(opening, options.progress()));
}

/** The functions that read a container in memory. */
struct Bytes {
    using Owner = std::shared_ptr<const std::vector<std::uint8_t>>;

    static int read(void* context, std::uint64_t offset, std::uint8_t* buffer, std::size_t length) {
        std::memcpy(buffer, (*static_cast<Owner*>(context))->data() + offset, length);
        return 0;
    }

    static void release(void* context) { delete static_cast<Owner*>(context); }
};

} // namespace detail

/**
 * Opens a container, by default with this device's own key.
 *
 * On return, everything but the payload has been authenticated. Parts are decrypted and
 * authenticated when they are read.
 */
inline Opened open(const std::filesystem::path& path, const Key& key = device(), const Options& options = {}) {
    return detail::opened(options, [&](auto options, auto opened) {
        return ovseal_open(path.c_str(), key.get(), options, opened);
    });
}

/** Opens a container in memory. */
inline Opened open(std::shared_ptr<const std::vector<std::uint8_t>> bytes, const Key& key, const Options& options = {}) {
    if (!bytes)
        throw UsageError(OVSEAL_CODE_BAD_ARGUMENT, "the bytes are NULL");
    ovseal_source source = OVSEAL_SOURCE_INIT;
    source.length = bytes->size();
    source.read = detail::Bytes::read;
    source.release = detail::Bytes::release;
    return detail::opened(options, [&](auto options, auto opened) {
        // The library frees the owner, even if the call fails.
        source.context = new detail::Bytes::Owner(std::move(bytes));
        return ovseal_open_source(&source, key.get(), options, opened);
    });
}

/**
 * Decrypts a container with a single part, as `ovseal seal --only` makes it.
 *
 * OpenVINO's guide "Using Encrypted Models" leaves this function to its readers. The container may
 * come from anyone who knows the passphrase. The result is in ordinary memory, which is not
 * zeroized. read_model() of `ovseal/openvino.hpp` avoids both.
 */
inline void decrypt_file(std::istream& stream, const std::string& password, std::vector<std::uint8_t>& result) {
    auto bytes = std::make_shared<std::vector<std::uint8_t>>();
    std::vector<char> block(1 << 16);
    while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) || stream.gcount() > 0)
        bytes->insert(bytes->end(), block.data(), block.data() + stream.gcount());
    if (stream.bad() || bytes->empty())
        throw EnvironmentError(OVSEAL_CODE_READ, "cannot read from the stream");
    const auto parts = open(std::move(bytes), passphrase(password)).parts();
    if (parts.size() != 1)
        throw UsageError(OVSEAL_CODE_USAGE, "the container has " + std::to_string(parts.size()) + " parts, not one",
                         "open it with ovseal::open, or seal a single file with: ovseal seal --only");
    result = parts.front().read();
}

} // namespace ovseal

#endif
