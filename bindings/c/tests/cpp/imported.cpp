// Sealed compiled models live as long as anything that reads them.
//
// imported MODEL BLOB CONTAINER UNFIT EMPTY. With only MODEL and BLOB, it writes the compiled model
// to BLOB.

#include "network.hpp"

namespace {

enum { CORE, COMPILED, REQUEST };

/** Everything a caller can hold. */
struct Held {
    std::unique_ptr<ov::Core> core = std::make_unique<ov::Core>();
    ov::CompiledModel compiled;
    ov::InferRequest request;

    void let_go(int which) {
        switch (which) {
        case CORE: return core.reset();
        case COMPILED: compiled = {}; return;
        default: request = {}; return;
        }
    }

    void check(const Output& expected) {
        if (request)
            EXPECT(infer(request) == expected);
        if (compiled)
            EXPECT(infer(compiled) == expected);
    }
};

void export_to(const std::string& model, const std::string& blob) {
    ov::Core core;
    auto compiled = core.compile_model(core.read_model(model), "CPU");
    std::ofstream file(blob, std::ios::binary);
    compiled.export_model(file);
    EXPECT(file.flush());
}

} // namespace

int main(int count, char** arguments) {
    if (count == 3) {
        export_to(arguments[1], arguments[2]);
        return 0;
    }
    EXPECT(count == 6);
    const std::string container = arguments[3], unfit = arguments[4], empty = arguments[5];
    const auto expected = ::expected(arguments[1]);

    std::vector<int> things{CORE, COMPILED, REQUEST};
    do {
        Held held;
        std::weak_ptr<void> bytes;
        {
            const auto opened = ovseal::open(container, key());
            EXPECT(opened.compiled_part().kind() == "compiled");
            const auto imported = ovseal::import_model(*held.core, opened, "CPU");
            bytes = imported.weights().owner();
            held.compiled = imported;
            held.request = held.compiled.create_infer_request();
        }
        for (const int which : things) {
            held.check(expected);
            EXPECT(!bytes.expired() || (!held.compiled && !held.request));
            held.let_go(which);
        }
        EXPECT(bytes.expired());
    } while (std::next_permutation(things.begin(), things.end()));

    ov::Core core;
    EXPECT(infer(ovseal::import_model(core, container, "CPU", key())) == expected);
    const auto blob = std::filesystem::path(arguments[2]).filename().string();
    EXPECT(infer(ovseal::import_model(core, container, "CPU", key(), ovseal::options().part(blob))) == expected);
    expect_failure<ovseal::UnsupportedError>(OVSEAL_CODE_NOT_A_MODEL,
                                             [&] { ovseal::read_model(core, container, key()); });
    expect_failure<ovseal::UnsupportedError>(OVSEAL_CODE_NOT_A_MODEL,
                                             [&] { ovseal::import_model(core, unfit, "CPU", key()); });
    expect_failure<ovseal::EnvironmentError>(OVSEAL_CODE_RUNTIME,
                                             [&] { ovseal::import_model(core, empty, "CPU", key()); });
    expect_failure<ovseal::UsageError>(OVSEAL_CODE_WRITES_MODEL, [&] {
        ovseal::import_model(core, container, "CPU", key(), {}, {{"CACHE_DIR", "cache"}});
    });
    return 0;
}
