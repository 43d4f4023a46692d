//! The interfaces of others, one a file, exact field for field: their way of saying things wins over ours.
//!
//! Most have their own paths; each has a prefix besides, for clients that share a path or take any.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::app::App;
use crate::failure::{Failure, Kind};
use crate::reply::Json;

mod label;
mod nemo_gym;
mod open_instruct;
mod openenv;
mod openrlhf;
mod piston;
mod sandbox_fusion;
mod slime;

/// Whose interface a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Native,
    SandboxFusion,
    OpenEnv,
    OpenRlhf,
    Slime,
    NemoGym,
    OpenInstruct,
    Piston,
}

/// Prefixes and paths by dialect; a prefix ends in a slash.
const PATHS: [(Dialect, &[&str]); 7] = [
    (
        Dialect::SandboxFusion,
        &[
            "/sandboxfusion/",
            "/run_code",
            "/run_jupyter",
            "/submit",
            "/get_prompts",
            "/get_prompt_by_id",
            "/list_ids",
            "/list_datasets",
            "/get_metrics",
            "/get_metrics_function",
            "/v1/ping",
        ],
    ),
    (
        Dialect::OpenEnv,
        &[
            "/openenv/",
            "/ws",
            "/reset",
            "/step",
            "/state",
            "/schema",
            "/metadata",
        ],
    ),
    (Dialect::OpenRlhf, &["/openrlhf", "/openrlhf/"]),
    (Dialect::Slime, &["/slime", "/slime/"]),
    (
        Dialect::NemoGym,
        &[
            "/nemo-gym/",
            "/seed_session",
            "/close_session",
            "/verify",
            "/aggregate_metrics",
            "/reverify_mode",
        ],
    ),
    (
        Dialect::OpenInstruct,
        &["/open-instruct/", "/test_program", "/test_program_stdio"],
    ),
    (Dialect::Piston, &["/piston/", "/api/v2/"]),
];

impl Dialect {
    /// Whose path it is.
    pub(crate) fn of(path: &str) -> Self {
        let is_of =
            |known: &&str| path == *known || known.ends_with('/') && path.starts_with(known);
        PATHS
            .iter()
            .find(|(_, paths)| paths.iter().any(is_of))
            .map_or(Self::Native, |(dialect, _)| *dialect)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Native => "rlef",
            Self::SandboxFusion => "sandboxfusion",
            Self::OpenEnv => "openenv",
            Self::OpenRlhf => "openrlhf",
            Self::Slime => "slime",
            Self::NemoGym => "nemo-gym",
            Self::OpenInstruct => "open-instruct",
            Self::Piston => "piston",
        }
    }

    /// Why there is no answer, as this dialect says it.
    pub(crate) fn failure(self, failure: &Failure) -> Response {
        let message = failure.message.as_str();
        let body = match self {
            Self::Native => return failure.clone().into_response(),
            // As FastAPI says it.
            Self::SandboxFusion | Self::OpenEnv | Self::NemoGym | Self::OpenInstruct => {
                json!({ "detail": message })
            }
            Self::Piston => json!({ "message": message }),
            Self::OpenRlhf | Self::Slime => json!({ "error": message }),
        };
        let fast_api = !matches!(self, Self::Piston | Self::OpenRlhf | Self::Slime);
        let status = match (self, failure.kind) {
            // The only status that verl's client tries again; any other is a program that failed to it.
            (Self::SandboxFusion, Kind::Busy | Kind::Share | Kind::Draining | Kind::Deadline) => {
                StatusCode::GATEWAY_TIMEOUT
            }
            (_, Kind::Request) if fast_api => StatusCode::UNPROCESSABLE_ENTITY,
            _ => failure.status(),
        };
        failure.with_headers((status, Json(body)).into_response())
    }

    /// An answer, or why there is none as this dialect says it.
    pub(crate) fn answer(self, result: Result<serde_json::Value, Failure>) -> Response {
        match result {
            Ok(value) => Json(value).into_response(),
            Err(failure) => self.failure(&failure),
        }
    }
}

/// The routes of all, without a prefix and with it.
pub(crate) fn routes() -> Router<Arc<App>> {
    let with =
        |prefix: &str, own: Router<Arc<App>>| Router::new().nest(prefix, own.clone()).merge(own);
    Router::new()
        .merge(with("/sandboxfusion", sandbox_fusion::routes()))
        .merge(with("/openenv", openenv::routes()))
        .merge(openenv::health())
        .merge(with("/nemo-gym", nemo_gym::routes()))
        .merge(with("/open-instruct", open_instruct::routes()))
        .merge(with("/piston", piston::routes()))
        .merge(openrlhf::routes())
        .merge(slime::routes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_has_to_be_asked_again_is_504_where_verl_asks() {
        for kind in Kind::ALL {
            let is_full = matches!(
                kind,
                Kind::Busy | Kind::Share | Kind::Draining | Kind::Deadline
            );
            let answer = Dialect::SandboxFusion.failure(&Failure::new(kind, "x"));
            let is_504 = answer.status() == StatusCode::GATEWAY_TIMEOUT;
            assert_eq!(is_504, is_full, "{kind:?}");
        }
    }

    #[test]
    fn every_path_belongs_to_one() {
        for (path, dialect) in [
            ("/run_code", Dialect::SandboxFusion),
            ("/sandboxfusion/run_code", Dialect::SandboxFusion),
            ("/v1/ping", Dialect::SandboxFusion),
            ("/v1/judge", Dialect::Native),
            ("/health", Dialect::Native),
            ("/ws", Dialect::OpenEnv),
            ("/openenv/health", Dialect::OpenEnv),
            ("/openrlhf/any/thing", Dialect::OpenRlhf),
            ("/slime", Dialect::Slime),
            ("/slimes", Dialect::Native),
            ("/nemo-gym/verify", Dialect::NemoGym),
            ("/test_program", Dialect::OpenInstruct),
            ("/piston/api/v2/execute", Dialect::Piston),
            ("/api/v2/execute", Dialect::Piston),
        ] {
            assert_eq!(Dialect::of(path), dialect, "{path}");
        }
    }
}
