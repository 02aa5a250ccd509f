//! Projects and their keys.

use super::{Gate, GateError, MintedKey, refused};
use crate::agent::ProjectRecord;
use crate::deed::{Actor, Deed, KeyOwner, NewKey};
use crate::id::KeyId;
use crate::key::{KeyKind, KeySecret};
use crate::person::{is_plain_name, shortened};
use crate::store::StoreError;

impl Gate {
    /// A new project with its first key (or the first key of one that files define).
    ///
    /// # Errors
    /// The name is taken or not a name; the store cannot be written.
    pub async fn add_project(&self, name: &str, by: &Actor) -> Result<MintedKey, GateError> {
        if !is_plain_name(name) {
            let name = shortened(name);
            return Err(GateError::Invalid(format!(
                "not a project's name: {name:?}; use up to 64 letters, digits, dots, hyphens or underscores"
            )));
        }
        if let Some(known) = self.directory().project(name) {
            let live = known.keys.iter().any(|key| key.revoked_at.is_none());
            if !known.from_files || live {
                return Err(GateError::Conflict(format!(
                    "there is a project {name} already; `projects rotate-key {name}` makes a new key for it"
                )));
            }
            return self.rotate_project_key(name, by).await;
        }
        let (minted, key) = self.mint(KeyKind::Project)?;
        let deed = Deed::AddProject { name: name.to_owned(), from_files: false, key: Some(key) };
        self.record(deed, by).await.map_err(|error| refused(error, "such project"))?;
        Ok(minted)
    }

    /// A second key; the oldest of more than two live keys is revoked.
    ///
    /// # Errors
    /// There is no such project.
    pub async fn rotate_project_key(&self, name: &str, by: &Actor) -> Result<MintedKey, GateError> {
        let what = format!("project {:?}", shortened(name));
        if self.directory().project(name).is_none() {
            self.refresh_directory().await?;
            self.directory().project(name).ok_or_else(|| GateError::NotFound(what.clone()))?;
        }
        let (minted, key) = self.mint(KeyKind::Project)?;
        let owner = KeyOwner::Project(name.to_owned());
        let deed = Deed::AddKey { kind: KeyKind::Project, owner, key, label: None, expires_at: None };
        self.record(deed, by).await.map_err(|error| refused(error, &what))?;
        Ok(minted)
    }

    #[must_use]
    pub fn projects(&self) -> Vec<ProjectRecord> {
        self.directory().projects()
    }

    /// Revokes any key by id.
    ///
    /// # Errors
    /// There is no such key, or it is revoked already.
    pub async fn revoke_key(&self, key: KeyId, by: &Actor) -> Result<(), GateError> {
        let done = self.record(Deed::RevokeKey { id: key }, by).await;
        done.map_err(|error| refused(error, &format!("live key {key}")))
    }

    /// A key to show once, and what is stored of it.
    pub(super) fn mint(&self, kind: KeyKind) -> Result<(MintedKey, NewKey), GateError> {
        let secret = KeySecret::generate(kind).map_err(|error| no_randomness(&error))?;
        let id = KeyId::new(self.now());
        let key = NewKey { id, hash: secret.hash(), hint: secret.hint() };
        Ok((MintedKey { id, secret }, key))
    }
}

/// Without randomness nothing secret is made.
pub(super) fn no_randomness(error: &getrandom::Error) -> StoreError {
    StoreError::Unavailable(format!("the system gives no randomness: {error}"))
}
