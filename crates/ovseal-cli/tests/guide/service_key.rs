use ovseal::{
    Context, DataKey, Identity, KeyFile, Recipient, RecipientClass, Stanza, UnwrapError, WrapError, symmetric,
};

/// A key service that derives a secret for each salt; a function stands in for it here.
struct DerivedKey(fn(&[u8]) -> Option<[u8; 32]>);

impl Recipient for DerivedKey {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        let salt = *KeyFile::generate()?.expose(); // 32 random bytes, never used before
        let secret = (self.0)(&salt).ok_or_else(|| WrapError::Backend("no answer".into()))?;
        Ok(symmetric::wrap("example-service", salt.to_vec(), &secret, key, context)?)
    }

    fn class(&self) -> RecipientClass {
        RecipientClass::SymmetricOrLocal
    }
}

impl Identity for DerivedKey {
    fn stanza_type(&self) -> &str {
        "example-service"
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        if stanza.parameters().len() != symmetric::SALT_LENGTH {
            return Ok(None); // made by another service, or damaged: the next stanza is tried
        }
        let secret = (self.0)(stanza.parameters()).ok_or_else(|| UnwrapError::Backend("no answer".into()))?;
        Ok(symmetric::unwrap(stanza, &secret, context))
    }
}
