//! The address of a camera, as configuration and media engines both read it: which secrets are in it, how it is shown without them,
//! where on the network it is, and what a video device is called.
//!
//! Must not know: files, processes, the configuration, what an address is used for.

mod device;
mod host;
mod shown;

pub use device::is_device;
pub use host::host_address;
pub use shown::{secrets, shown};
