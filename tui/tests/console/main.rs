//! The console from outside: keys and answers in, a terminal's screen and bytes out.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod access;
mod access_server;
mod audit;
mod backup_server;
mod backups;
mod bulk;
mod bytes;
mod changes;
mod command_server;
mod commands;
mod driver;
mod filter;
mod flows;
mod group_server;
mod groups;
mod job_server;
mod jobs;
mod new_system;
mod properties;
mod rule_editor;
mod samples;
mod screens;
mod server;
mod settings;
mod settings_server;
mod system_page;
mod token_form;
mod token_server;
mod tokens;
mod upgrade_server;
mod upgrades;
mod view_server;
mod views;
