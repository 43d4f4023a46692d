//! A name → the device that models are computed on, where this build and this machine have it. Knows nothing of what is
//! computed.

use std::fmt;

use burn::tensor::{Device, FloatDType};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::decoder::Arithmetic;

/// What models can be computed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Processor {
    /// The processor, by this crate's own kernels: what tests, determinism and figures speak of.
    #[default]
    Cpu,
    /// A graphics card by Vulkan, Metal or DirectX, or what stands in for one; needs the Cargo feature `wgpu`.
    Wgpu,
    /// A card of NVIDIA; needs the Cargo feature `cuda`.
    Cuda,
}

/// Why a model can't be computed as asked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The build lacks the backend.
    #[error(
        "failed to open the device {0}: this build has no such backend; build with `--features {0}`, or take cpu"
    )]
    NotBuiltIn(Processor),
    /// The machine lacks the device.
    #[error(
        "failed to open the device {0}: its driver names none on this machine; `rlef doctor` shows what there is"
    )]
    Absent(Processor),
    /// The device can't compute in these numbers.
    #[error(
        "failed to compute in bf16 on the device {0}: it has no such arithmetic, or would only be slower for it; leave resources.precision at f32"
    )]
    NoBf16(Processor),
}

impl fmt::Display for Processor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        })
    }
}

impl Processor {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Wgpu, Self::Cuda];

    /// Whether this build can use it.
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    /// How many of it the machine has, as far as this build can see.
    pub fn count(self) -> usize {
        match self {
            Self::Cpu => 1,
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::enumerate(burn::tensor::DeviceType::Wgpu).len(),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::enumerate(burn::tensor::DeviceType::Cuda).len(),
            #[cfg(not(all(feature = "wgpu", feature = "cuda")))]
            _ => 0,
        }
    }

    /// The first one.
    pub fn open(self) -> Result<Device, DeviceError> {
        if !self.is_built_in() {
            return Err(DeviceError::NotBuiltIn(self));
        }
        if self.count() == 0 {
            return Err(DeviceError::Absent(self));
        }
        Ok(match self {
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::cuda(0),
            _ => Device::flex(),
        })
    }

    /// [`Processor::open`], and that it computes in these numbers.
    pub fn open_for(self, arithmetic: Arithmetic) -> Result<Device, DeviceError> {
        let device = self.open()?;
        // Flex holds bf16 and multiplies in f32.
        let has_bf16 = self != Self::Cpu && device.supports_dtype(FloatDType::BF16);
        if arithmetic == Arithmetic::Bf16 && !has_bf16 {
            return Err(DeviceError::NoBf16(self));
        }
        Ok(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_refused_with_what_to_do() {
        assert_eq!(Processor::Cpu.open().unwrap(), Device::flex());
        for other in [Processor::Wgpu, Processor::Cuda] {
            if !other.is_built_in() {
                let message = other.open().unwrap_err().to_string();
                assert!(
                    message.contains(&format!("--features {other}")),
                    "{message}"
                );
            }
        }
        let message = Processor::Cpu.open_for(Arithmetic::Bf16).unwrap_err();
        assert_eq!(message, DeviceError::NoBf16(Processor::Cpu));
        Processor::Cpu.open_for(Arithmetic::F32).unwrap();
    }
}
