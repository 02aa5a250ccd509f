//! People: adding them, roles, teams, tokens, disabling.

use std::sync::Arc;

use super::{Gate, GateError, MintedKey, refused};
use crate::clock::Timestamp;
use crate::deed::{Actor, Deed, KeyOwner};
use crate::id::PersonId;
use crate::key::KeyKind;
use crate::person::{Person, Role, is_plain_name, login, shortened};

impl Gate {
    /// Adds a person. `email` is what they sign in with: an e-mail address, or a plain name; it is kept
    /// in lower case. They have no password until they use a link ([`Gate::offer_link`]).
    ///
    /// # Errors
    /// The e-mail address is taken or not one; a team is defined in files and does not have them.
    pub async fn add_person(
        &self,
        email: &str,
        name: &str,
        role: Role,
        teams: Vec<String>,
        by: &Actor,
    ) -> Result<Arc<Person>, GateError> {
        let email = login(email).map_err(GateError::Invalid)?;
        let directory = self.directory();
        if directory.teams().iter().any(|(team, _)| team.eq_ignore_ascii_case(&email)) {
            // `from: [finance]` would mean the person and the team.
            return Err(GateError::Conflict(format!("{email} is the name of a team")));
        }
        let name = match name.trim() {
            "" => email.clone(),
            name => name.chars().filter(|one| !one.is_control()).take(100).collect(),
        };
        let teams = self.own_teams(&email, teams)?;
        let id = PersonId::new(self.now());
        self.record(Deed::AddPerson { id, email, name, role, teams }, by)
            .await
            .map_err(|error| refused(error, "such person"))?;
        self.known_person(id)
    }

    /// A personal token for the command line and the API.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn mint_token(
        &self,
        person: PersonId,
        label: Option<String>,
        by: &Actor,
    ) -> Result<MintedKey, GateError> {
        self.mint_token_until(person, label, None, by).await
    }

    /// A personal token that ends at a time.
    ///
    /// # Errors
    /// There is no such person, or they are disabled.
    pub async fn mint_token_until(
        &self,
        person: PersonId,
        label: Option<String>,
        expires_at: Option<Timestamp>,
        by: &Actor,
    ) -> Result<MintedKey, GateError> {
        if self.person_now(person).await?.disabled {
            return Err(GateError::Conflict("a disabled person gets no token".to_owned()));
        }
        let (minted, key) = self.mint(KeyKind::User)?;
        let label = label.map(|label| shortened(&label));
        let deed = Deed::AddKey { kind: KeyKind::User, owner: KeyOwner::Person(person), key, label, expires_at };
        self.record(deed, by).await.map_err(|error| refused(error, &format!("person {person}")))?;
        Ok(minted)
    }

    /// A disabled person's sessions end, and their tokens identify nobody.
    ///
    /// # Errors
    /// There is no such person, or it is the last admin.
    pub async fn disable_person(&self, person: PersonId, disabled: bool, by: &Actor) -> Result<(), GateError> {
        let done = self.record(Deed::DisablePerson { person, disabled }, by).await;
        done.map_err(|error| refused(error, &format!("person {person}")))
    }

    /// Their sessions end: they sign in again with the new role.
    ///
    /// # Errors
    /// There is no such person, or it is the last admin.
    pub async fn set_role(&self, person: PersonId, role: Role, by: &Actor) -> Result<Arc<Person>, GateError> {
        let done = self.record(Deed::SetRole { person, role }, by).await;
        done.map_err(|error| refused(error, &format!("person {person}")))?;
        self.known_person(person)
    }

    /// Puts a person into exactly these teams. Teams that files define are left as the files say.
    ///
    /// # Errors
    /// There is no such person; a team is defined in files and does not have them.
    pub async fn set_teams(&self, person: PersonId, teams: Vec<String>, by: &Actor) -> Result<Arc<Person>, GateError> {
        let teams = self.own_teams(&self.person_now(person).await?.email, teams)?;
        let done = self.record(Deed::SetTeams { person, teams }, by).await;
        done.map_err(|error| refused(error, &format!("person {person}")))?;
        self.known_person(person)
    }

    /// Whether nobody can manage the gate yet: then a link for the first admin may be offered.
    #[must_use]
    pub fn needs_first_admin(&self) -> bool {
        !self.directory().has_admin()
    }

    /// Those of the teams that the store keeps; what files define must have the person already.
    fn own_teams(&self, email: &str, teams: Vec<String>) -> Result<Vec<String>, GateError> {
        let directory = self.directory();
        let of_files = directory.teams();
        let mut own = Vec::new();
        for team in teams {
            if directory.team_is_from_files(&team) {
                if !of_files.iter().any(|(name, emails)| *name == team && emails.iter().any(|one| one == email)) {
                    return Err(GateError::Conflict(format!(
                        "the team {team} is defined in files and changed only there: add {email} to it there"
                    )));
                }
            } else if !is_plain_name(&team) {
                return Err(GateError::Invalid(format!(
                    "not a team's name: {:?}; use up to 64 letters, digits, dots, hyphens or underscores",
                    shortened(&team)
                )));
            } else if directory.person_by_email(&team).is_some() || email.eq_ignore_ascii_case(&team) {
                return Err(GateError::Conflict(format!("{team} is what a person signs in with")));
            } else {
                own.push(team);
            }
        }
        own.sort();
        own.dedup();
        Ok(own)
    }

    /// The person, also when another process has just added them.
    pub(super) async fn person_now(&self, id: PersonId) -> Result<Arc<Person>, GateError> {
        if self.directory().person(id).is_none() {
            self.refresh_directory().await?;
        }
        self.known_person(id)
    }

    pub(super) fn known_person(&self, id: PersonId) -> Result<Arc<Person>, GateError> {
        self.directory().person(id).ok_or_else(|| GateError::NotFound(format!("person {id}")))
    }
}
