//! Every vector of the licence protocol has the outcome that it states.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::{Path, PathBuf};

use ovseal_format::publisher::Publisher;
use ovseal_format::share::{Kem, KemPrivateKey};
use ovseal_lease::{
    AcceptError, Accepted, AnswerError, ChallengeAnswer, ChallengeRequest, Checkpoint, Context, DeviceKeys,
    EnrolChallenge, EnrolFinish, EnrolRequest, EnrolStart, EnrolmentRecord, Known, Lease, LeaseFile, LeaseId,
    LeaseRequest, Level, LicenceId, Message, Number, Problem, Purpose, Receipt, RequestFile, ReturnAnswer,
    ReturnRequest, Revocations, ServiceFile, ServiceFileError, ServiceId, Signed, SignedError, SignedObject,
    State, Time, VerifyingKey, enrolment_transcript,
};
use ovseal_memory::Secret;
use serde_json::{Value, json};

/// The facts that a valid object has, or the word for what is wrong with it.
type Outcome = Result<Value, &'static str>;

#[test]
fn every_vector_has_its_outcome() {
    let records = records();
    assert!(records.len() > 300);
    let failures: Vec<String> = records.iter().filter_map(|record| check(record).err()).collect();
    assert!(failures.is_empty(), "{} vectors differ:\n{}", failures.len(), failures.join("\n"));
}

fn check((path, record): &(PathBuf, Value)) -> Result<(), String> {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let outcome = read(record);
    let found = outcome.as_ref().map_or_else(|word| *word, |_| "valid");
    if found != record["expect"] {
        return Err(format!("{name}: {found}, not {} ({})", record["expect"], record["description"]));
    }
    match outcome {
        Ok(fields) if fields != record["fields"] => {
            Err(format!("{name}: {fields}, not {}", record["fields"]))
        }
        _ => Ok(()),
    }
}

fn read(record: &Value) -> Outcome {
    let (bytes, given) = (hex(&record["bytes"]), &record["given"]);
    match record["object"].as_str().unwrap() {
        "service-file" => service_file(&bytes, given),
        "lease-request" => lease_request(&bytes),
        "return-request" => return_request(&bytes),
        "message" => message(&bytes, given),
        "enrol-request" => enrol_request(&bytes),
        "challenge-request" => challenge_request(&bytes),
        "lease" => lease(&bytes, given),
        "receipt" => signed::<Receipt>(&bytes, given).map(|receipt| {
            let held_until = receipt.held_until().map(Time::as_millis);
            let returns_left = receipt.returns_left().map(Number::get);
            json!({ "lease": receipt.lease.to_string(), "held_until": held_until, "returns_left": returns_left })
        }),
        "enrolment" => signed::<EnrolmentRecord>(&bytes, given)
            .map(|record| json!({ "device": record.device.to_string() })),
        "revocations" => signed::<Revocations>(&bytes, given).map(|list| {
            let devices: Vec<String> = list.devices.iter().map(ToString::to_string).collect();
            let recalled: Vec<String> = list.recalled.iter().map(ToString::to_string).collect();
            json!({ "number": list.number.get(), "devices": devices, "recalled": recalled })
        }),
        "answer" => answer(&bytes, given),
        "return" => returned(&bytes, given),
        "checkpoint" => signed::<Checkpoint>(&bytes, given)
            .map(|checkpoint| json!({ "sequence": checkpoint.row().sequence.get() })),
        other => read_call(other, &bytes, given),
    }
}

/// Reads what has no signature of the service, besides requests.
fn read_call(object: &str, bytes: &[u8], given: &Value) -> Outcome {
    let malformed = |_| "malformed";
    let (encoded, fields) = match object {
        "enrol-start" => {
            let start = EnrolStart::parse(bytes).map_err(malformed)?;
            let key = VerifyingKey::parse(&hex(&given["activation_key"])).unwrap();
            let service = ServiceId::from_bytes(hex(&given["service_id"]).try_into().unwrap());
            let hash = Purpose::Enrol.hash(&start.request);
            (start.encode(), json!({ "admits": start.admission.is_by(&key, service, hash) }))
        }
        "enrol-challenge" => {
            let challenge = EnrolChallenge::parse(bytes).map_err(malformed)?;
            let token = base16ct::lower::encode_string(&challenge.token);
            (challenge.encode(), json!({ "token": token }))
        }
        "enrol-finish" => {
            let finish = EnrolFinish::parse(bytes).map_err(malformed)?;
            let key = VerifyingKey::parse(&hex(&given["device_key"])).unwrap();
            let transcript = enrolment_transcript(Purpose::Enrol.hash(&finish.request), &finish.token);
            if !finish.proof.is_by(&key, transcript) {
                return Err("refused");
            }
            (finish.encode(), json!({ "transcript": transcript.to_string() }))
        }
        "challenge-answer" => {
            let answer = ChallengeAnswer::parse(bytes).map_err(malformed)?;
            (answer.encode(), json!({ "challenge": base16ct::lower::encode_string(&answer.challenge) }))
        }
        "return-answer" => {
            let answer = ReturnAnswer::parse(bytes).map_err(malformed)?;
            (answer.encode(), json!({ "kept": answer.kept.len() }))
        }
        "request-file" => {
            let file = RequestFile::parse(bytes).map_err(malformed)?;
            (file.encode(), json!({ "enrols": file.enrolment.is_some() }))
        }
        "lease-file" => {
            let file = LeaseFile::parse(bytes).map_err(malformed)?;
            (file.encode(), json!({ "encrypted": file.credential.is_some() }))
        }

        "problem" => {
            let problem = Problem::parse(bytes).map_err(malformed)?;
            (problem.encode(), json!({ "code": problem.code.text(), "status": problem.code.status() }))
        }
        other => panic!("no reader for {other}"),
    };
    assert_eq!(encoded, bytes);
    Ok(fields)
}

fn service_file(bytes: &[u8], given: &Value) -> Outcome {
    let file = ServiceFile::read(bytes, &publisher(given)).map_err(|error| match error {
        ServiceFileError::NotServiceFile => "not-a-service-file",
        ServiceFileError::Unsupported => "unsupported",
        ServiceFileError::Malformed => "malformed",
        ServiceFileError::Unsigned => "unsigned",
        ServiceFileError::WrongSignature => "wrong-signature",
        ServiceFileError::Origin => "origin",
        other => panic!("{other}"),
    })?;
    let other = ServiceFile::read_for(bytes, &publisher(given), ServiceId::from_bytes([0; 32]));
    assert_eq!(other, Err(AcceptError::Service));
    Ok(json!({ "service_id": file.id().to_string(), "serial": file.serial.get() }))
}

fn lease_request(bytes: &[u8]) -> Outcome {
    let request = LeaseRequest::parse(bytes).map_err(|_| "malformed")?;
    assert_eq!(request.encode(), bytes);
    Ok(json!({
        "hash": request.hash().to_string(),
        "device": request.header.device.to_string(),
        "licence": request.licence.to_string(),
        "items": request.items.len(),
    }))
}

fn return_request(bytes: &[u8]) -> Outcome {
    let request = ReturnRequest::parse(bytes).map_err(|_| "malformed")?;
    assert_eq!(request.encode(), bytes);
    Ok(json!({
        "hash": request.hash().to_string(),
        "device": request.header.device.to_string(),
        "licence": request.licence.to_string(),
        "kept": request.kept.len(),
    }))
}

fn message(bytes: &[u8], given: &Value) -> Outcome {
    let message = Message::parse(bytes).map_err(|_| "malformed")?;
    assert_eq!(message.encode(), bytes);
    let hash = Purpose::Lease.hash(&message.request);
    let [device, activation] =
        ["device_key", "activation_key"].map(|key| VerifyingKey::parse(&hex(&given[key])).unwrap());
    if !message.proof.is_by(&device, hash) {
        return Err("refused");
    }
    Ok(json!({ "hash": hash.to_string(), "activates": message.activates(hash, &activation) }))
}

fn enrol_request(bytes: &[u8]) -> Outcome {
    let request = EnrolRequest::parse(bytes).map_err(|_| "malformed")?;
    assert_eq!(request.encode(), bytes);
    let device = match &request.keys {
        DeviceKeys::Software(keys) => Some(keys.device(request.service).to_string()),
        DeviceKeys::Tpm(_) => None,
    };
    let transcript = enrolment_transcript(request.hash(), b"token").to_string();
    Ok(json!({ "hash": request.hash().to_string(), "transcript": transcript, "device": device }))
}

fn challenge_request(bytes: &[u8]) -> Outcome {
    let request = ChallengeRequest::parse(bytes).map_err(|_| "malformed")?;
    assert_eq!(request.encode(), bytes);
    Ok(json!({ "device": request.device.to_string() }))
}

fn lease(bytes: &[u8], given: &Value) -> Outcome {
    let lease = signed::<Lease>(bytes, given)?;
    for case in given["states"].as_array().into_iter().flatten() {
        let list = signed::<Revocations>(&hex(&given["revocations"]), given).unwrap();
        let context = Context::from_bytes(hex(&case["context"]).try_into().unwrap());
        let now = Time::from_millis(case["now"].as_u64().unwrap()).unwrap();
        let word = match lease.state(now, &list, &context) {
            State::Revoked => "revoked",
            State::NotYet { .. } => "not-yet",
            State::Valid => "valid",
            State::Refresh => "refresh",
            State::Grace { .. } => "grace",
            State::Over { .. } => "over",
        };
        assert_eq!(word, case["state"], "{case}");
    }
    Ok(json!({ "id": lease.id.to_string() }))
}

fn signed<T: SignedObject>(bytes: &[u8], given: &Value) -> Result<Signed<T>, &'static str> {
    let keys = given["keys"].as_array().unwrap().iter().map(|key| VerifyingKey::parse(&hex(key)).unwrap());
    Signed::verify(bytes, &keys.collect::<Vec<_>>()).map_err(|error| match error {
        SignedError::Malformed(_) => "malformed",
        SignedError::Signature => "signature",
        other => panic!("{other}"),
    })
}

fn answer(bytes: &[u8], given: &Value) -> Outcome {
    let request = LeaseRequest::parse(&hex(&given["request"])).unwrap();
    let accepted = with_known(given, |known| known.accept(&request, bytes))?;
    let kem = Kem::from_number(given["kem"].as_u64().unwrap()).unwrap();
    let private: [u8; 32] = hex(&given["private"]).try_into().unwrap();
    let key = KemPrivateKey::parse(kem, Secret::from_fn(|bytes| *bytes = private)).unwrap();
    let opened = (0..accepted.lease().items.len()).map(|item| accepted.open(item, &key));
    let opened: Option<Vec<Vec<Secret<32>>>> = opened.collect();
    let shown = |shares: &Vec<Secret<32>>| -> Vec<String> {
        shares.iter().map(|share| base16ct::lower::encode_string(share.expose())).collect()
    };
    let shares: Vec<_> = opened.ok_or("does-not-open")?.iter().map(shown).collect();
    Ok(json!({ "shares": shares }))
}

fn returned(bytes: &[u8], given: &Value) -> Outcome {
    let request = ReturnRequest::parse(&hex(&given["request"])).unwrap();
    let ended = LeaseId::from_bytes(hex(&given["ended"]).try_into().unwrap());
    let licence = |licence: &Value| LicenceId::from_bytes(hex(licence).try_into().unwrap());
    let kept: Vec<LicenceId> = given["kept"].as_array().unwrap().iter().map(licence).collect();
    let accepted = with_known(given, |known| known.accept_return(&request, ended, &kept, bytes))?;
    let id = |kept: &Option<Accepted>| kept.as_ref().map(|kept| kept.lease().id.to_string());
    Ok(json!({ "leases": accepted.kept.iter().map(id).collect::<Vec<_>>() }))
}

/// Checks an answer with what the record says that the client knows.
fn with_known<T>(
    given: &Value,
    check: impl FnOnce(&Known<'_>) -> Result<T, AnswerError>,
) -> Result<T, &'static str> {
    let named = directory().join(format!("{}.json", given["service"].as_str().unwrap()));
    let service = ServiceFile::read(&hex(&record(&named)["bytes"]), &publisher(given)).unwrap();
    let list = Signed::<Revocations>::verify(&hex(&given["revocations"]), &service.lease_keys).unwrap();
    let known = Known {
        service: &service,
        level: Level::from_number(given["level"].as_u64().unwrap()).unwrap(),
        server_epoch: Number::new(given["server_epoch"].as_u64().unwrap()).unwrap(),
        revocations: &list,
    };
    check(&known).map_err(|error| match error {
        AnswerError::Malformed(_) => "malformed",
        AnswerError::Signature => "signature",
        AnswerError::Request => "request",
        AnswerError::Older => "older",
        AnswerError::Items => "items",
        AnswerError::Shares => "shares",
        AnswerError::Revocations => "revocations",
        AnswerError::TwoLists(_) => "two-lists",
        other => panic!("{other}"),
    })
}

fn publisher(given: &Value) -> Publisher {
    let path = directory().join(given["publisher"].as_str().unwrap());
    Publisher::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn records() -> Vec<(PathBuf, Value)> {
    let files = directory().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.map(|path| (path.clone(), record(&path))).collect()
}

fn record(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/vectors-lease")
}

fn hex(value: &Value) -> Vec<u8> {
    base16ct::mixed::decode_vec(value.as_str().unwrap()).unwrap()
}
