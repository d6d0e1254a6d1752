//! `kernel-parameter`: a setting of the running kernel, as `sysctl` shows it.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};

/// Looks at a setting below `/proc/sys`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KernelParameter {
    /// Its name with dots, `net.ipv4.ip_forward`; or with slashes where a part has a dot itself,
    /// `net/ipv4/conf/eth0.1/forwarding`.
    #[serde(rename = "kernel-parameter", deserialize_with = "name")]
    pub name: String,
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let parameter = KernelParameter { name };
    if parameter.parts().iter().all(|part| !matches!(part.as_str(), "" | "." | "..")) {
        return Ok(parameter.name);
    }
    let wrong = format!("`{}` names no kernel parameter; write it as net.ipv4.ip_forward", parameter.name);
    Err(serde::de::Error::custom(wrong))
}

impl KernelParameter {
    /// The parts of its name. As in sysctl(8), the first separator decides: after a dot, slashes stand for dots inside
    /// a part; after a slash, dots are dots.
    pub fn parts(&self) -> Vec<String> {
        match self.name.find(['.', '/']).and_then(|at| self.name.get(at..=at)) {
            Some("/") => self.name.split('/').map(str::to_owned).collect(),
            _ => self.name.split('.').map(|part| part.replace('/', ".")).collect(),
        }
    }
}

impl Kind for KernelParameter {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "kernel-parameter",
        doc: "Looks at a setting of the running kernel, as sysctl shows it.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "parameters that only root may read",
        facts: &[
            FactSpec::new("exists", FactType::Bool, "whether the kernel has such a parameter"),
            FactSpec::new("value", FactType::Text, "its value, with runs of blanks as one space"),
            FactSpec::new("number", FactType::Int, "its value, if it is one whole number"),
            FactSpec::new(
                "numbers",
                FactType::List,
                "its values, if it is a list of whole numbers separated by blanks",
            ),
        ],
    };

    fn flaw(&self) -> Option<String> {
        let odd = |c: char| c.is_whitespace() || c == '*';
        self.name.contains(odd).then(|| format!("`{}` is no name of a kernel parameter", self.name))
    }

    fn describe(&self) -> String {
        format!("sysctl {}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_separator_decides() {
        for (name, path) in [
            ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
            ("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding"),
            ("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ] {
            assert_eq!(KernelParameter { name: name.to_owned() }.parts().join("/"), path);
        }
    }

    #[test]
    fn a_name_that_leaves_the_tree_is_refused() {
        for name in ["", "..", "/etc/passwd", "net..ipv4", "net/../../etc/passwd", "net.//.x", "../x"] {
            let json = serde_json::json!({ "kernel-parameter": name });
            let read = serde_json::from_value::<KernelParameter>(json);
            assert!(read.is_err(), "{name}: {read:?}");
        }
    }
}
