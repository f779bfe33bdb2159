// Tests the C++ interface without OpenVINO: tour MODEL.xml DIR

#include <ovseal/ovseal.hpp>

#include "expect.hpp"

#include <algorithm>
#include <atomic>
#include <sstream>

namespace {

template <typename Class, typename Work>
Class failure(Work work) {
    try {
        work();
    } catch (const Class& failure) {
        return failure;
    }
    fail("nothing was thrown", __FILE__, __LINE__);
}

/** A key service that flips every bit. */
class Vault : public ovseal::KeyService {
public:
    bool is_closed = false;

    std::vector<std::uint8_t> wrap(const std::array<std::uint8_t, 32>& secret) override {
        if (is_closed)
            throw std::runtime_error("the vault is closed");
        std::vector<std::uint8_t> wrapped;
        for (const auto byte : secret)
            wrapped.push_back(static_cast<std::uint8_t>(~byte));
        return wrapped;
    }

    std::optional<std::array<std::uint8_t, 32>> unwrap(const std::vector<std::uint8_t>& wrapped) override {
        if (is_closed)
            throw 7;
        if (wrapped.size() != 32)
            return std::nullopt;
        std::array<std::uint8_t, 32> secret;
        for (std::size_t i = 0; i < 32; ++i)
            secret[i] = static_cast<std::uint8_t>(~wrapped[i]);
        return secret;
    }
};

/** A key service that binds the container. */
class ToldVault : public ovseal::KeyService {
public:
    std::vector<std::uint8_t> wrap_for(const ovseal::ServiceContext& container,
                                       const std::array<std::uint8_t, 32>& secret) override {
        const auto bound = container.associated_data();
        std::vector<std::uint8_t> wrapped(bound.begin(), bound.end());
        wrapped.insert(wrapped.end(), secret.begin(), secret.end());
        return wrapped;
    }

    std::optional<std::array<std::uint8_t, 32>> unwrap_for(const ovseal::ServiceContext& container,
                                                           const std::vector<std::uint8_t>& wrapped) override {
        const auto bound = container.associated_data();
        if (wrapped.size() != 96 || !std::equal(bound.begin(), bound.end(), wrapped.begin()))
            return std::nullopt;
        std::array<std::uint8_t, 32> secret;
        std::copy(wrapped.begin() + 64, wrapped.end(), secret.begin());
        return secret;
    }
};

void seals_and_opens(const std::filesystem::path& model, const std::filesystem::path& directory) {
    const auto container = directory / "model.ovseal";
    const auto publisher_key = ovseal::PublisherKey::parse(std::string(ovseal::PublisherKey::generate().pem().view()));
    const auto acme = publisher_key.publisher();
    std::ofstream(directory / "acme.pub") << acme.pem();
    const auto pair = ovseal::generate_identity();
    const auto key = ovseal::identities(pair.identity.view());
    std::atomic<std::uint64_t> sealed{0}, opened_bytes{0};
    const auto length = ovseal::seal(model, container, ovseal::seal_options()
                                                           .recipient(ovseal::recipient(pair.recipient))
                                                           .publisher_key(publisher_key)
                                                           .name("tour")
                                                           .security_version(2)
                                                           .progress([&](std::uint64_t bytes) { return sealed += bytes, true; }));
    EXPECT(length == std::filesystem::file_size(container) && sealed > 0);
    const auto exists = failure<ovseal::UsageError>([&] { ovseal::seal(model, container, key); });
    EXPECT(exists.code() == OVSEAL_CODE_EXISTS && exists.kind() == ovseal::Kind::usage);

    auto options = ovseal::options().publisher(directory / "acme.pub").name("tour").min_security_version(2);
    options.progress(nullptr);
    ovseal::open(container, key, options).parts().front().read();
    options.progress([&](std::uint64_t bytes) { opened_bytes += bytes; });
    std::vector<ovseal::Part> parts;
    {
        const auto opened = ovseal::open(container, key, options);
        EXPECT(opened.publisher() == acme.id() && opened.claimed_publishers() == std::vector{acme.id()});
        EXPECT(opened.name() == "tour" && opened.security_version() == 2);
        opened.accept();
        parts = opened.parts();
    }
    // Parts and the callback outlive the opened container.
    options = ovseal::options();
    const auto weights = contents(std::filesystem::path(model).replace_extension("bin"));
    const auto read = parts.at(1).read();
    EXPECT(std::string(read.begin(), read.end()) == weights && opened_bytes == weights.size());
    EXPECT(parts.at(0).companions() == std::vector<std::size_t>{1} && parts.at(0).kind() == "ir");
    const auto mapping = parts.at(1).map();
    parts.clear();
    EXPECT(std::string(mapping.begin(), mapping.end()) == weights);
    mapping.release();
    const auto populated = mapping.populate();
    EXPECT(mapping.resident_bytes() >= weights.size());

    const auto denied = failure<ovseal::DeniedError>(
        [&] { ovseal::open(container, key, ovseal::options().publisher(acme).min_security_version(3)); });
    EXPECT(denied.code() == OVSEAL_CODE_SECURITY_VERSION && std::string(denied.what()) == "security version 2 is below 3");
    EXPECT(!denied.hint().empty());
    const auto missing = failure<ovseal::EnvironmentError>([&] { ovseal::open(directory / "nothing", key); });
    EXPECT(missing.code() == OVSEAL_CODE_READ && missing.causes().size() == 1);
    EXPECT(std::string(missing.what()) == missing.message() + ": " + missing.causes()[0]);
    const auto named = ovseal::options().publisher(acme);
    failure<ovseal::NoKeyFitsError>([&] { ovseal::open(container, ovseal::passphrase("wrong"), named); });

    // Without a publisher, no key is tried, and the message says who claims to have signed.
    const auto nameless = failure<ovseal::UsageError>([&] { ovseal::open(container, key); });
    EXPECT(nameless.code() == OVSEAL_CODE_SENDER_NOT_NAMED && !nameless.hint().empty());
    EXPECT(nameless.message() == "no publisher is named, and the container claims to be signed by " + acme.id());
    EXPECT(ovseal::open(container, key, ovseal::options().any_sender()).publisher().empty());
    const auto adding = [] { return ovseal::rekey_options().add_recipient(ovseal::passphrase("added")); };
    const auto vouching = failure<ovseal::UsageError>([&] { ovseal::rekey(container, key, adding()); });
    EXPECT(vouching.code() == OVSEAL_CODE_SENDER_NOT_NAMED);
    const auto stranger = ovseal::PublisherKey::generate().publisher();
    failure<ovseal::DeniedError>([&] { ovseal::rekey(container, key, adding().publisher(stranger)); });

    EXPECT(ovseal::verify(container, ovseal::options().publisher(acme)).publisher == acme.id());
    EXPECT(ovseal::verify(container, key).security_version == 2);
    EXPECT(ovseal::verify(container, key).content_verified);
    EXPECT(!ovseal::verify(container, ovseal::options().publisher(acme)).content_verified);
    ovseal::open(container, key, ovseal::options().publisher_for(acme, "other").publisher_for(directory / "acme.pub", "tour"));
    const auto untrusted = failure<ovseal::DeniedError>(
        [&] { ovseal::open(container, key, ovseal::options().publisher_for(acme, "other")); });
    EXPECT(untrusted.code() == OVSEAL_CODE_UNTRUSTED);
    std::ofstream(container.string() + ".rekey") << "something";
    const auto more = [&] { return ovseal::rekey_options().publisher(directory / "acme.pub").add_recipient(ovseal::passphrase("more")).kdf_limit(256); };
    failure<ovseal::NotAuthenticError>([&] { ovseal::rekey(container, key, more()); });
    failure<ovseal::NotAuthenticError>([&] { ovseal::rekey(container, key, more().finish_waiting()); });
    EXPECT(ovseal::rekey(container, key, ovseal::rekey_options().publisher(directory / "acme.pub").discard_waiting()).generation == 1);
    EXPECT(!std::filesystem::exists(container.string() + ".rekey"));
    const auto rekeyed = ovseal::rekey(container, key, adding().publisher(directory / "acme.pub"));
    EXPECT(rekeyed.generation == 2 && rekeyed.stanzas == 2);
    const auto beside = ovseal::rekey_options().add_recipient(ovseal::passphrase("beside")).any_sender();
    ovseal::write_side_file(container, key, beside);
    ovseal::open(container, ovseal::join(ovseal::passphrase("wrong"), ovseal::passphrase("beside")), named);
    const auto face = ovseal::inspect(container);
    const auto limited = failure<ovseal::NoKeyFitsError>(
        [&] { ovseal::open(container, ovseal::passphrase("added"), ovseal::options().publisher(acme).kdf_limit(255)); });
    EXPECT(limited.code() == OVSEAL_CODE_KDF_LIMIT);
    EXPECT((face.stanzas == std::vector<std::string>{"x-wing", "passphrase"}) && face.side_stanzas.size() == 1);
    EXPECT(face.part_lengths.at(1) == weights.size() && face.generation == 2);
}

void key_services_hold_keys(const std::filesystem::path& model, const std::filesystem::path& directory) {
    const auto vault = std::make_shared<Vault>();
    const auto container = directory / "vault.ovseal";
    ovseal::seal(model, container, ovseal::service(vault));
    const auto any = ovseal::options().any_sender();
    ovseal::open(container, ovseal::service(vault), any);
    const auto told_vault = ovseal::service(std::make_shared<ToldVault>());
    ovseal::seal(model, directory / "told.ovseal", told_vault);
    ovseal::open(directory / "told.ovseal", told_vault, any);
    failure<ovseal::NoKeyFitsError>([&] { ovseal::open(container, told_vault, any); });
    vault->is_closed = true;
    const auto thrown = failure<ovseal::EnvironmentError>([&] { ovseal::open(container, ovseal::service(vault), any); });
    EXPECT(thrown.code() == OVSEAL_CODE_KEY_HOLDER);
    const auto told = failure<ovseal::EnvironmentError>([&] { ovseal::seal(model, directory / "other", ovseal::service(vault)); });
    EXPECT(told.causes().back() == "the vault is closed" && !std::filesystem::exists(directory / "other"));
    failure<ovseal::UsageError>([] { ovseal::service(nullptr); });
    EXPECT(vault.use_count() == 1);
}

/** Files that are left out, rejected or never overwritten, and secrets that are not shown. */
void secrets_stay_where_they_are(const std::filesystem::path& model, const std::filesystem::path& directory) {
    const auto work = directory / "work";
    std::filesystem::create_directories(work / ".git");
    std::ofstream(work / ".git/config") << "token";
    std::ofstream(work / "notes.txt") << "notes";
    std::filesystem::copy(model, work / "m.xml");
    std::filesystem::copy(std::filesystem::path(model).replace_extension("bin"), work / "m.bin");
    const auto plan = ovseal::seal_options().exclude("*.txt").plan(work);
    EXPECT((plan.left_out == std::vector<std::string>{".git", "notes.txt"}) && plan.parts.size() == 2);
    EXPECT(plan.parts[1].path == "m.xml" && plan.parts[1].kind == "ir" && plan.parts[1].length == std::filesystem::file_size(model));
    EXPECT(ovseal::seal_options().include_everything().plan(work).parts.size() == 4);

    // A key in the model's directory is rejected, whether it was passed to the call or only
    // recognized.
    std::ofstream(work / "key", std::ios::binary) << std::string(32, '\7');
    std::filesystem::permissions(work / "key", std::filesystem::perms(0600));
    const auto key = ovseal::keyfile(work / "key");
    const auto given = failure<ovseal::UsageError>([&] { ovseal::seal(work, directory / "no.ovseal", key); });
    EXPECT(std::string(given.what()).find("must not be sealed") != std::string::npos);
    std::filesystem::rename(work / "key", directory / "key");
    std::ofstream(work / "signer") << ovseal::PublisherKey::generate().pem().view();
    const auto known = failure<ovseal::UsageError>([&] { ovseal::seal_options().plan(work); });
    EXPECT(known.code() == OVSEAL_CODE_BAD_MODEL && std::string(known.what()).find("PEM private key") != std::string::npos);
    std::filesystem::remove(work / "signer");

    // Only a container is replaced.
    const auto replacing = ovseal::seal_options().recipient(key).replace();
    for (const auto& output : {directory / "key", directory / "acme.pub"})
        failure<ovseal::UsageError>([&] { replacing.seal(model, output); });
    EXPECT(std::filesystem::file_size(directory / "key") == 32);

    // A file that others can access is reported. A secret passed instead of a path is not shown.
    EXPECT(!key.is_exposed());
    std::filesystem::permissions(directory / "key", std::filesystem::perms(0644));
    EXPECT(ovseal::keyfile(directory / "key").is_exposed());
    const std::string identity = "AGE-SECRET-KEY-1QQQQ", digits(64, 'a');
    for (const auto& secret : {identity, digits}) {
        for (const auto& thrown : {failure<ovseal::UsageError>([&] { ovseal::identity(secret); }),
                                   failure<ovseal::UsageError>([&] { ovseal::keyfile(secret); }),
                                   failure<ovseal::UsageError>([&] { ovseal::Publisher::read(secret); })}) {
            EXPECT(thrown.code() == OVSEAL_CODE_BAD_KEY && !thrown.hint().empty());
            EXPECT(std::string(thrown.what()).find(secret) == std::string::npos);
        }
    }
}

void decrypt_file_requires_one_part(const std::filesystem::path& model, const std::filesystem::path& directory) {
    const auto container = directory / "one.ovseal";
    const auto key = ovseal::passphrase("one");
    ovseal::seal(model, container, ovseal::seal_options().recipient(key).only());
    std::vector<std::uint8_t> result = {1, 2, 3};
    std::ifstream wrong(container, std::ios::binary);
    failure<ovseal::NoKeyFitsError>([&] { ovseal::decrypt_file(wrong, "two", result); });
    EXPECT((result == std::vector<std::uint8_t>{1, 2, 3}));
    std::ifstream file(container, std::ios::binary);
    ovseal::decrypt_file(file, "one", result);
    EXPECT(std::string(result.begin(), result.end()) == contents(model));

    ovseal::seal(model, container, ovseal::seal_options().recipient(key).replace());
    std::ifstream two(container, std::ios::binary);
    const auto several = failure<ovseal::UsageError>([&] { ovseal::decrypt_file(two, "one", result); });
    EXPECT(several.hint().find("ovseal::open") != std::string::npos);
    std::istringstream empty, plain("plaintext");
    failure<ovseal::EnvironmentError>([&] { ovseal::decrypt_file(empty, "one", result); });
    failure<ovseal::UnsupportedError>([&] { ovseal::decrypt_file(plain, "one", result); });
}

} // namespace

int main(int count, char** arguments) {
    EXPECT(count == 3);
    seals_and_opens(arguments[1], arguments[2]);
    key_services_hold_keys(arguments[1], arguments[2]);
    secrets_stay_where_they_are(arguments[1], arguments[2]);
    decrypt_file_requires_one_part(arguments[1], arguments[2]);
    const auto found = ovseal::protections();
    EXPECT(found.secret_memory || found.locked_memory || found.keys_may_be_swapped);
    EXPECT(!ovseal::version().empty());
    return 0;
}
