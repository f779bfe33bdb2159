//! A stray read by the runtime finds none of the caller's keys in the process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

mod common;

use std::fs;
use std::io::{PipeReader, PipeWriter, Read};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::Mutex;

use common::{CONV, core, set_up};
use memchr::memmem;
use ovseal::{
    Context, DataKey, DeviceSecret, Identity, KeyFile, Model, ModelName, ModelOptions, OpenOptions, Opened,
    Passphrase, PublicKeyIdentity, Recipient, SealOptions, Stanza, Trust, UnwrapError,
};
use ovseal_memory::SecretBytes;
use ovseal_openvino::{Compilation, CompileCache, Loader, Opening};
use zeroize::Zeroize;

/// A masked secret, so that a search does not find the test's own copy.
#[derive(Clone, Debug, PartialEq)]
struct Hidden(Vec<u8>);

const MASK: u8 = 0xA5;

impl Hidden {
    fn of(secret: &[u8]) -> Self {
        let mut hidden = Vec::with_capacity(secret.len());
        secret.iter().for_each(|byte| hidden.push(byte ^ MASK));
        Self(hidden)
    }
}

/// A search of this process's memory through the kernel, which can read more of it than the process
/// can.
struct Search {
    reader: PipeReader,
    writer: PipeWriter,
    chunk: Vec<u8>,
}

impl Search {
    fn new() -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        Self { reader, writer, chunk: vec![0; 64 * 1024] }
    }

    /// Counts the occurrences of the secret in readable memory.
    fn count(&mut self, secret: &Hidden) -> usize {
        let own = self.chunk.as_ptr() as usize..self.chunk.as_ptr() as usize + self.chunk.len();
        let finder = memmem::Finder::new(&secret.0).into_owned();
        let mut found = 0;
        for range in readable() {
            let mut at = range.start;
            while at < range.end {
                let length = (range.end - at).min(CHUNK);
                let is_own = at < own.end && own.start < at + length;
                let read = if is_own { 0 } else { self.read(at, length) };
                found += finder.find_iter(&self.chunk[..read]).count();
                // Chunks overlap by the length of a secret.
                at += length.saturating_sub(secret.0.len()).max(1).min(length);
                if length < CHUNK {
                    break;
                }
            }
        }
        found
    }

    /// Copies and masks memory at an address. Returns 0 if it cannot be read.
    fn read(&mut self, address: usize, length: usize) -> usize {
        // SAFETY: the kernel checks the address itself, and returns `EFAULT` if it cannot be read.
        let written = unsafe { libc::write(self.writer.as_raw_fd(), address as *const _, length) };
        let Ok(length) = usize::try_from(written) else { return 0 };
        self.reader.read_exact(&mut self.chunk[..length]).unwrap();
        self.chunk[..length].iter_mut().for_each(|byte| *byte ^= MASK);
        length
    }
}

/// A pipe accepts this many bytes in one write.
const CHUNK: usize = 32 * 1024;

/// Returns the readable ranges of this process's memory, except devices.
fn readable() -> Vec<Range<usize>> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let range = |line: &str| {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let is_readable = fields.next()?.starts_with('r') && !line.contains("/dev/") && !line.contains("[v");
        let number = |text| usize::from_str_radix(text, 16).ok();
        is_readable.then_some(number(start)?..number(end)?)
    };
    maps.lines().filter_map(range).collect()
}

/// A key file that records the data key that it unwrapped.
struct Telltale {
    key: KeyFile,
    given: Mutex<Option<Hidden>>,
}

impl Telltale {
    fn new() -> Self {
        Self { key: KeyFile::generate().unwrap(), given: Mutex::default() }
    }

    fn data_key(&self) -> Hidden {
        self.given.lock().unwrap().clone().unwrap()
    }
}

impl Identity for Telltale {
    fn stanza_type(&self) -> &str {
        self.key.stanza_type()
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        let key = self.key.unwrap(stanza, context)?;
        *self.given.lock().unwrap() = key.as_ref().map(|key| Hidden::of(&*key.expose()));
        Ok(key)
    }
}

/// Returns a passphrase and its masked form, without leaving a plain copy.
fn passphrase() -> (Passphrase, Hidden) {
    let mut text = SecretBytes::with_capacity(32).unwrap();
    for byte in KeyFile::generate().unwrap().expose().iter() {
        text.push(b'a' + byte % 26).unwrap();
    }
    (Passphrase::from_bytes(text.expose()).unwrap(), Hidden::of(text.expose()))
}

/// Returns an identity and its masked seed, without leaving a plain copy.
fn identity() -> (PublicKeyIdentity, Hidden) {
    let seed = KeyFile::generate().unwrap();
    let prefix = bech32::Hrp::parse_unchecked("age-secret-key-pq-");
    let encoded = bech32::encode_upper::<bech32::Bech32>(prefix, &*seed.expose());
    let mut text = encoded.unwrap();
    let identity = PublicKeyIdentity::parse(&text).unwrap();
    text.zeroize();
    (identity, Hidden::of(&*seed.expose()))
}

fn seal(folder: &std::path::Path, name: &str, recipients: [&dyn Recipient; 3]) -> std::path::PathBuf {
    let model = set_up("OVSEAL_TEST_MODELS").join(CONV.folder).join("model.xml");
    let model = Model::find(&model, ModelOptions::default()).unwrap();
    let path = folder.join(name);
    let options = SealOptions::new(ModelName::parse("m").unwrap());
    let options = recipients.into_iter().fold(options, SealOptions::recipient);
    options.seal(&model, &path).unwrap();
    path
}

#[test]
fn no_key_of_the_caller_can_be_read_while_a_model_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (mut search, core) = (Search::new(), core());
    let (here, elsewhere) = (Telltale::new(), Telltale::new());
    let ((passphrase, text), (identity, seed)) = (passphrase(), identity());
    let recipient = identity.recipient();
    let container = seal(folder.path(), "a.ovseal", [&here.key, &passphrase, &recipient]);
    let other = seal(folder.path(), "b.ovseal", [&elsewhere.key, &passphrase, &recipient]);
    let open = |path, key: &dyn Identity| -> Opened {
        OpenOptions::new(Trust::AnySender).open(path, &[key]).unwrap()
    };
    // Another container stays open, and the caller keeps all keys.
    let kept = open(&other, &elsewhere);
    drop((open(&container, &passphrase), open(&container, &identity)));
    let opened = open(&container, &here);
    let secret = DeviceSecret::obtain(&folder.path().join("secret")).unwrap();
    let cache = CompileCache::open(&folder.path().join("cache"), secret).unwrap();
    let (compilation, opening) = (Compilation::on("CPU"), Opening::Auto);
    let mut loader = Loader { core: &core, compilation, opening, cache: Some(&cache), observer: () };
    let loaded = loader.load(&opened).unwrap();
    loaded.store().unwrap();
    let compiled = loaded.model;
    CONV.infer(&compiled);

    let secrets = [
        ("a key file", Hidden::of(&*here.key.expose())),
        ("another key file", Hidden::of(&*elsewhere.key.expose())),
        ("the passphrase", text),
        ("the seed of an identity", seed),
        ("the data key", here.data_key()),
        ("another container's data key", elsewhere.data_key()),
    ];
    for (what, secret) in &secrets {
        assert_eq!(search.count(secret), 0, "{what}");
    }
    drop((compiled, kept));
    // This shows that the search works: it finds a key that can be read.
    let exposed = here.key.expose();
    assert_eq!(search.count(&secrets[0].1), 1);
    drop(exposed);
    assert_eq!(search.count(&secrets[0].1), 0);
}
