//! Which answers refuse the key.

use tonic::Code;

/// Whether a status refuses the key, and not the data.
pub(super) fn is_denial(code: Code) -> bool {
    matches!(code, Code::Unauthenticated | Code::PermissionDenied)
}
