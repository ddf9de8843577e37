//! The console's rooms and what lies over them: each draws itself from the state.

pub mod access;
pub mod access_front;
pub mod audit;
pub mod audit_entry;
pub mod dashboard;
pub mod dialog;
pub mod groups;
pub mod help;
pub mod jobs;
pub mod log;
pub mod login;
pub mod members;
pub mod menu;
pub mod new_system;
pub mod palette;
pub mod pending;
pub mod rule_editor;
pub mod servers;
pub mod settings;
pub mod sort;
pub mod system;
pub mod system_groups;
pub mod systems;
pub mod token_form;
pub mod token_secret;
pub mod tokens;
