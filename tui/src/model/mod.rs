//! What the console knows: values only, changed by `update`, read by `view`.

mod audit;
mod change;
mod detail;
mod dialog;
mod fleet;
mod groups;
mod history;
mod link;
mod list;
mod members;
mod new_system;
mod overlay;
mod row;
mod row_filter;
mod rule_editor;
mod settings;
mod state;
mod text_field;
mod timers;
mod toast;
mod token_form;
mod tokens;

pub use audit::{AuditExport, AuditField, AuditFilter, AuditForm, AuditFront, AuditView};
pub use change::{Change, ChangeBody, Outcome, Target, tier};
pub use detail::{AnnotationForm, AnnotationKind, DetailView};
pub use dialog::{ARM_MS, Dialog, Focus, Phase, Tier};
pub use fleet::{Fleet, Order, Sort, by_order};
pub use groups::{GroupField, GroupForm, GroupFront, GroupQuestion, GroupsView};
pub use history::{Chart, Range};
pub use link::{Link, ServerClock};
pub use list::{List, ListScope};
pub use members::{DualList, Side};
pub use new_system::{NewSystemField, NewSystemView, Recipe};
pub use overlay::{Entry, Goal, Menu, Overlay, Palette};
pub use row::{Flags, Row, StateWord, clean};
pub use row_filter::RowFilter;
pub use rule_editor::{DraftRow, EditorMode, RowPart, RuleEditor};
pub use settings::{ABOUT_ROWS, SettingForm, SettingsView, setting_obstacle, setting_route, setting_text};
pub use state::{Dirty, Login, LoginStep, Page, Settings, State};
pub use text_field::TextField;
pub use timers::Timers;
pub use toast::{Toast, ToastKind, Undo};
pub use token_form::{FormField, TokenForm};
pub use tokens::{
    NewToken, Secret, TokenChange, TokenFront, TokenQuestion, TokensView, status_at, token_name,
};
