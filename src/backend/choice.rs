//! Which backend works: the list of known ones and the choice among them.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "python")]
use super::Python;
#[cfg(feature = "server")]
use super::Server;
use super::{Backend, BackendError, BackendPool, Inflate};

/// The environment variable that overrides [`BackendChoice::Auto`].
pub const BACKEND_VARIABLE: &str = "TRELLIS_BACKEND";

/// Which backend shall work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum BackendChoice {
    /// The one that the environment variable `TRELLIS_BACKEND` names, else the first that is ready.
    #[default]
    Auto,
    /// The one of this name.
    Named(String),
}

impl From<&str> for BackendChoice {
    /// `auto` in any case, or nothing, is [`BackendChoice::Auto`]; everything else is a name.
    fn from(text: &str) -> Self {
        match text.trim().to_ascii_lowercase() {
            name if name.is_empty() || name == "auto" => Self::Auto,
            name => Self::Named(name),
        }
    }
}

impl From<String> for BackendChoice {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl fmt::Display for BackendChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// The known backends, best first. Cloning is cheap.
///
/// A game adds its own with [`Backends::register`]; tests put fakes there.
#[cfg_attr(feature = "bevy", derive(bevy::ecs::resource::Resource))]
#[derive(Clone)]
pub struct Backends {
    known: Vec<Known>,
    /// What those run that have a choice; `None`: what the environment says.
    model: Option<String>,
}

/// A backend that can be started.
#[derive(Clone)]
struct Known {
    name: &'static str,
    start: Start,
}

type Started = Result<Box<dyn Backend>, BackendError>;

#[derive(Clone)]
enum Start {
    /// It is what it is.
    Alone(Arc<dyn Fn() -> Started + Send + Sync>),
    /// It runs the model that is named.
    WithModel(Arc<dyn Fn(Option<&str>) -> Started + Send + Sync>),
}

impl Default for Backends {
    /// The backends of this crate.
    fn default() -> Self {
        let mut backends = Self::none();
        backends.register("inflate", || Ok(Box::new(Inflate)));
        #[cfg(feature = "server")]
        backends.register(Server::NAME, || {
            Ok(Box::new(Server::from_environment()?.reached()?))
        });
        #[cfg(feature = "python")]
        backends.register_with_model(Python::NAME, |model| {
            let python = Python::new();
            let python = match model {
                Some(model) => python.with_model(model),
                None => python,
            };
            Ok(Box::new(python.examined()?))
        });
        backends
    }
}

impl Backends {
    /// A list without any backend.
    #[must_use]
    pub fn none() -> Self {
        Self {
            known: Vec::new(),
            model: None,
        }
    }

    /// Puts a backend before all others, in place of one of the same name. `start` runs on the worker
    /// thread when the backend is first needed, and again after it has panicked.
    pub fn register(
        &mut self,
        name: &'static str,
        start: impl Fn() -> Result<Box<dyn Backend>, BackendError> + Send + Sync + 'static,
    ) {
        self.insert(name, Start::Alone(Arc::new(start)));
    }

    /// The same for a backend that runs the model it is told to: `start` gets the one of [`Backends::use_model`]. Where
    /// that changes, the backend is dropped and started anew.
    pub fn register_with_model(
        &mut self,
        name: &'static str,
        start: impl Fn(Option<&str>) -> Result<Box<dyn Backend>, BackendError> + Send + Sync + 'static,
    ) {
        self.insert(name, Start::WithModel(Arc::new(start)));
    }

    fn insert(&mut self, name: &'static str, start: Start) {
        self.known.retain(|known| known.name != name);
        self.known.insert(0, Known { name, start });
    }

    /// Names the model that backends run which have a choice: a folder, or a repository of the hub. `None` is the one
    /// that `TRELLIS_MODEL_PATH` names, else the published TRELLIS. In a game `TrellisSettings::model` decides instead.
    pub fn use_model(&mut self, model: Option<String>) {
        self.model = model;
    }

    /// The model of [`Backends::use_model`].
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Whether the backend of a name runs the model that it is told to.
    #[must_use]
    pub fn has_choice_of_model(&self, name: &str) -> bool {
        self.find(name)
            .is_ok_and(|known| matches!(known.start, Start::WithModel(_)))
    }

    /// Names of the known backends, best first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.known.iter().map(|known| known.name)
    }

    /// Names that a choice may mean, in the order to try them: one for a named backend, all for auto unless
    /// `TRELLIS_BACKEND` names one.
    ///
    /// # Errors
    /// [`BackendError::Unknown`] for a name nobody has, also one in `TRELLIS_BACKEND`.
    pub fn candidates(&self, choice: &BackendChoice) -> Result<Vec<&'static str>, BackendError> {
        let from_environment = || std::env::var(BACKEND_VARIABLE).map(BackendChoice::from);
        let choice = match choice {
            BackendChoice::Auto => from_environment().unwrap_or_default(),
            named => named.clone(),
        };
        match choice {
            BackendChoice::Auto => Ok(self.names().collect()),
            BackendChoice::Named(name) => Ok(vec![self.find(&name)?.name]),
        }
    }

    /// Starts the chosen backend; for auto the first that starts and is ready. Who keeps backends running uses a
    /// [`BackendPool`] instead.
    ///
    /// # Errors
    /// [`BackendError::Unknown`] for a name nobody has, else what the chosen backend (for auto: the last one tried)
    /// said.
    pub fn start(&self, choice: &BackendChoice) -> Result<Box<dyn Backend>, BackendError> {
        BackendPool::new(self.clone()).take(choice)
    }

    pub(super) fn start_named(&self, name: &str) -> Result<Box<dyn Backend>, BackendError> {
        match &self.find(name)?.start {
            Start::Alone(start) => start(),
            Start::WithModel(start) => start(self.model()),
        }
    }

    fn find(&self, name: &str) -> Result<&Known, BackendError> {
        self.known
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| self.unknown(name))
    }

    pub(super) fn unknown(&self, name: &str) -> BackendError {
        BackendError::Unknown {
            name: name.into(),
            known: self.names().collect(),
        }
    }
}

impl fmt::Debug for Backends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_told_from_names_whatever_the_case() {
        assert_eq!(BackendChoice::from(" AUTO "), BackendChoice::Auto);
        assert_eq!(BackendChoice::from(""), BackendChoice::Auto);
        assert_eq!(
            BackendChoice::from("Inflate"),
            BackendChoice::Named("inflate".into())
        );
        assert_eq!(BackendChoice::from("Inflate").to_string(), "inflate");
    }

    #[test]
    fn only_backends_with_a_choice_are_told_the_model() {
        let mut backends = Backends::none();
        backends.register("fixed", || Ok(Box::new(Inflate)));
        backends.register_with_model("free", |model| {
            let name = model.unwrap_or_default().into();
            Err(BackendError::Unknown {
                name,
                known: Vec::new(),
            })
        });
        assert!(backends.has_choice_of_model("free"));
        assert!(!backends.has_choice_of_model("fixed"));
        backends.use_model(Some("mine".into()));
        let told = backends.start(&"free".into()).err().unwrap();
        assert!(matches!(told, BackendError::Unknown { name, .. } if name == "mine"));
        assert!(backends.start(&"fixed".into()).is_ok());
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = Backends::default().start(&"sculptor".into()).err().unwrap();
        let features = [
            (cfg!(feature = "python"), "python"),
            (cfg!(feature = "server"), "server"),
            (true, "inflate"),
        ];
        let known = features.iter().filter(|(is_on, _)| *is_on);
        let known: Vec<&str> = known.map(|(_, name)| *name).collect();
        assert_eq!(
            error.to_string(),
            format!(
                "there is no backend 'sculptor': use auto or one of {}",
                known.join(", ")
            )
        );
    }

    #[test]
    fn a_registered_backend_comes_first_and_replaces_its_namesake() {
        let mut backends = Backends::none();
        backends.register("inflate", || Ok(Box::new(Inflate)));
        backends.register("mine", || Ok(Box::new(Inflate)));
        backends.register("inflate", || Err(BackendError::NoPicture));
        assert_eq!(backends.names().collect::<Vec<_>>(), ["inflate", "mine"]);
        assert!(matches!(
            backends.start(&"inflate".into()),
            Err(BackendError::NoPicture)
        ));
    }

    #[test]
    fn a_list_without_backends_has_none_to_start() {
        assert!(matches!(
            Backends::none().start(&BackendChoice::Auto),
            Err(BackendError::NoneReady { .. })
        ));
    }
}
