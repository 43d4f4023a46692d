//! Pages to look at runs, episodes, evaluations and problems, and to label answers: served to a browser on this machine, or written
//! as one file. What is shown is made here, from the files that runs and evaluations leave; nothing is fetched from elsewhere, and
//! nothing of a run is changed.
//!
//! `places` finds what there is, `episodes` opens a journal by its index, `run_folder`, `curves`, `highlight`, `difference` and
//! `tokens` make of it what a page holds, `page` has one file a page, `app` the routes, `web` what they share; `report` is
//! a run as one file, `label` the pages on which people label. Everything shown goes through `visible`, which lets nothing act.

mod app;
mod curves;
mod difference;
pub mod episodes;
mod highlight;
pub mod label;
mod page;
mod places;
mod report;
mod run_folder;
mod sets;
mod tokens;
mod visible;
mod web;

pub use app::{View, routes};
pub use places::{Kind, Places};
pub use report::{ReportError, of_evaluation, of_run};
pub use sets::{Loaders, Pieces};
pub(crate) use visible::Visible;
