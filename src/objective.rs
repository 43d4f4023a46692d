//! Pure losses, one paper a file: tensors in, scalar out. They know nothing of models, text or files.

pub mod grpo;
pub mod rlef;
pub mod sft;
