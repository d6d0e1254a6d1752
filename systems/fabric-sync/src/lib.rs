//! Keeps NetBox in step with Hedgehog fabrics: configuration, commands, the loop of each fabric, history, metrics, status page.
