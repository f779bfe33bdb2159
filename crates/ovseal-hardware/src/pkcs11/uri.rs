//! PKCS#11 URIs (RFC 7512), which identify a token and one of its keys.

use std::fmt;
use std::path::{Path, PathBuf};

const SCHEME: &str = "pkcs11:";
const LENGTH_LIMIT: usize = 2048;
const VALUE_LIMIT: usize = 255;

/// A PKCS#11 URI (RFC 7512) of a token and a key, such as `pkcs11:token=edge-7;object=ovseal`.
///
/// Supported attributes are `token`, `manufacturer`, `model`, `serial`, `object`, `id` and `type`
/// (`private` or `public`). Supported query attributes are `module-path` and `pin-source`, an
/// absolute path with or without `file:`. An omitted attribute matches everything. Any other
/// attribute is rejected, because ignoring a restriction could select the wrong key. `pin-value` is
/// also rejected, because a PIN does not belong in an argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uri {
    text: String,
    pub(super) label: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) object: Option<String>,
    pub(super) id: Option<Vec<u8>>,
    module_path: Option<PathBuf>,
    pin_source: Option<PathBuf>,
}

/// The error for a string that is not a supported PKCS#11 URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// The string does not begin with `pkcs11:`.
    #[error("a PKCS#11 URI begins with pkcs11:")]
    Scheme,
    /// The URI is too long.
    #[error("a PKCS#11 URI has at most {LENGTH_LIMIT} bytes, and each value at most {VALUE_LIMIT}")]
    TooLong,
    /// An attribute is not supported.
    #[error("the PKCS#11 URI attribute {0} is not supported")]
    Attribute(String),
    /// An attribute appears twice.
    #[error("the PKCS#11 URI has the attribute {0} twice")]
    Repeated(String),
    /// The value of an attribute is malformed.
    #[error("the value of {0} in the PKCS#11 URI is malformed")]
    Value(String),
    /// The URI contains a PIN.
    #[error("the PKCS#11 URI contains a PIN, which anyone who can list processes can see")]
    Pin,
}

impl Uri {
    /// Returns whether `text` starts like such a URI.
    pub fn is_meant(text: &str) -> bool {
        text.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
    }

    /// Parses a URI.
    ///
    /// # Errors
    /// [`UriError`].
    pub fn parse(text: &str) -> Result<Self, UriError> {
        if !Self::is_meant(text) {
            return Err(UriError::Scheme);
        }
        if text.len() > LENGTH_LIMIT {
            return Err(UriError::TooLong);
        }
        // This also finds `pin-value` after a wrong separator, where it would be part of a value
        // that messages show.
        if text.to_ascii_lowercase().contains("pin-value=") {
            return Err(UriError::Pin);
        }
        let (path, query) = text[SCHEME.len()..].split_once('?').unwrap_or((&text[SCHEME.len()..], ""));
        let mut uri = Self { text: format!("{SCHEME}{path}"), ..Self::default() };
        let mut seen = Vec::new();
        for attribute in path.split(';').filter(|attribute| !attribute.is_empty()) {
            uri.take_path(&mut Attribute::parse(attribute, &mut seen)?)?;
        }
        for attribute in query.split('&').filter(|attribute| !attribute.is_empty()) {
            uri.take_query(&mut Attribute::parse(attribute, &mut seen)?)?;
        }
        Ok(uri)
    }

    /// Returns the module's file, if the URI specifies one.
    pub fn module_path(&self) -> Option<&Path> {
        self.module_path.as_deref()
    }

    /// Returns the file with the PIN, if the URI specifies one.
    pub fn pin_source(&self) -> Option<&Path> {
        self.pin_source.as_deref()
    }

    /// Creates the URI of a token from its label and serial number.
    pub(super) fn of_token(label: &str, serial: &str) -> Self {
        let text = format!("{SCHEME}token={};serial={}", encode(label), encode(serial));
        Self { text, label: Some(label.into()), serial: Some(serial.into()), ..Self::default() }
    }

    fn take_path(&mut self, attribute: &mut Attribute<'_>) -> Result<(), UriError> {
        let field = match attribute.name {
            "token" => &mut self.label,
            "manufacturer" => &mut self.manufacturer,
            "model" => &mut self.model,
            "serial" => &mut self.serial,
            "object" => &mut self.object,
            "id" => {
                self.id = Some(std::mem::take(&mut attribute.value));
                return Ok(());
            }
            // Both halves of a pair have the same label and id.
            "type" if matches!(&attribute.value[..], b"private" | b"public") => return Ok(()),
            "type" => return Err(UriError::Value("type".into())),
            name => return Err(UriError::Attribute(name.into())),
        };
        *field = Some(attribute.text()?);
        Ok(())
    }

    fn take_query(&mut self, attribute: &mut Attribute<'_>) -> Result<(), UriError> {
        match attribute.name {
            "module-path" => self.module_path = Some(attribute.absolute_path()?),
            "pin-source" => self.pin_source = Some(attribute.absolute_path()?),
            name => return Err(UriError::Attribute(name.into())),
        }
        Ok(())
    }
}

/// Writes the URI without its query, which applies only to this machine.
impl fmt::Display for Uri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A name and its decoded value.
struct Attribute<'t> {
    name: &'t str,
    value: Vec<u8>,
}

impl<'t> Attribute<'t> {
    fn parse(text: &'t str, seen: &mut Vec<&'t str>) -> Result<Self, UriError> {
        let (name, value) = text.split_once('=').ok_or_else(|| UriError::Value(text.into()))?;
        if seen.contains(&name) {
            return Err(UriError::Repeated(name.into()));
        }
        seen.push(name);
        let value = decode(value).ok_or_else(|| UriError::Value(name.into()))?;
        if value.len() > VALUE_LIMIT { Err(UriError::TooLong) } else { Ok(Self { name, value }) }
    }

    fn text(&mut self) -> Result<String, UriError> {
        String::from_utf8(std::mem::take(&mut self.value)).map_err(|_| UriError::Value(self.name.into()))
    }

    fn absolute_path(&mut self) -> Result<PathBuf, UriError> {
        let text = self.text()?;
        let path = Path::new(text.strip_prefix("file:").unwrap_or(&text));
        if path.is_absolute() { Ok(path.into()) } else { Err(UriError::Value(self.name.into())) }
    }
}

/// Percent-decodes (RFC 3986 §2.1) a value with the characters that RFC 7512 allows.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            byte if byte.is_ascii_graphic() && !b"#<>\"\\^`{|}".contains(&byte) => byte,
            _ => return None,
        });
    }
    Some(decoded)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
}

/// Percent-encodes everything except unreserved characters.
fn encode(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode =
        |byte: u8| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_as_printed_by_tools_is_accepted() {
        let uri = Uri::parse(
            "pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial=1f;token=edge%2d7;\
             id=%01%ff;object=ov%C3%A9;type=private?module-path=/usr/lib/m.so&pin-source=file:/run/pin",
        )
        .unwrap();
        assert_eq!((uri.label.as_deref(), uri.serial.as_deref()), (Some("edge-7"), Some("1f")));
        assert_eq!(
            (uri.model.as_deref(), uri.manufacturer.as_deref()),
            (Some("SoftHSM v2"), Some("SoftHSM project"))
        );
        assert_eq!((uri.object.as_deref(), uri.id.as_deref()), (Some("ové"), Some(&[1, 255][..])));
        assert_eq!(uri.module_path(), Some(Path::new("/usr/lib/m.so")));
        assert_eq!(uri.pin_source(), Some(Path::new("/run/pin")));
        assert!(uri.to_string().ends_with("type=private"), "{uri}");
    }

    #[test]
    fn omitted_attributes_fit_everything() {
        let uri = Uri::parse("PKCS11:").unwrap();
        assert_eq!(uri, Uri { text: "pkcs11:".into(), ..Uri::default() });
    }

    #[test]
    fn a_pin_in_the_uri_is_rejected_and_not_repeated() {
        for text in [
            "pkcs11:token=a?pin-value=hunter2",
            "pkcs11:token=a&pin-value=hunter2",
            "pkcs11:token=a?module-path=/m.so;pin-value=hunter2",
        ] {
            let error = Uri::parse(text).unwrap_err();
            assert_eq!(error, UriError::Pin);
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn unknown_attributes_and_values_are_rejected() {
        for (text, error) in [
            ("age1tag", UriError::Scheme),
            ("pkcs11", UriError::Scheme),
            ("pkcs11:slot-id=1", UriError::Attribute("slot-id".into())),
            ("pkcs11:token=a?module-name=m", UriError::Attribute("module-name".into())),
            ("pkcs11:pin-source=/a", UriError::Attribute("pin-source".into())),
            ("pkcs11:token=a;token=b", UriError::Repeated("token".into())),
            ("pkcs11:token", UriError::Value("token".into())),
            ("pkcs11:token=%4", UriError::Value("token".into())),
            ("pkcs11:token=%ff", UriError::Value("token".into())),
            ("pkcs11:token=a b", UriError::Value("token".into())),
            ("pkcs11:type=cert", UriError::Value("type".into())),
            ("pkcs11:?pin-source=|command", UriError::Value("pin-source".into())),
            ("pkcs11:?pin-source=pin", UriError::Value("pin-source".into())),
            ("pkcs11:?module-path=m.so", UriError::Value("module-path".into())),
        ] {
            assert_eq!(Uri::parse(text).unwrap_err(), error, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic_and_an_accepted_one_is_shown_unchanged(text in "(pkcs11:)?[a-z=;?&%0-9é]{0,40}") {
            if let Ok(uri) = Uri::parse(&text) {
                proptest::prop_assert_eq!(uri.to_string(), text.split('?').next().unwrap_or_default());
            }
        }

        #[test]
        fn any_label_and_serial_number_survive_their_uri(label in "\\PC{1,32}", serial in "[!-~ ]{1,16}") {
            let uri = Uri::of_token(&label, &serial);
            proptest::prop_assert_eq!(Uri::parse(&uri.to_string()).unwrap(), uri);
        }
    }

    #[test]
    fn limits_are_enforced() {
        let value = "a".repeat(VALUE_LIMIT);
        assert!(Uri::parse(&format!("pkcs11:token={value}")).is_ok());
        assert_eq!(Uri::parse(&format!("pkcs11:token={value}a")).unwrap_err(), UriError::TooLong);
        let long = format!("pkcs11:{}", ";".repeat(LENGTH_LIMIT));
        assert_eq!(Uri::parse(&long).unwrap_err(), UriError::TooLong);
    }

    #[test]
    fn the_uri_of_a_token_names_that_token() {
        let uri = Uri::of_token("Ä; 7", "0f");
        assert_eq!(Uri::parse(&uri.to_string()).unwrap(), uri);
    }
}
