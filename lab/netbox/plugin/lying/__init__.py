"""A plugin of NetBox with which the sync of data sources lies, in the way that its setting `lie` names. For lab/netbox/faults.py, and for nothing else."""

from django.conf import settings
from netbox.plugins import PluginConfig


class Lying(PluginConfig):
    name = "lying"
    verbose_name = "Lying"
    version = "1.0"
    required_settings = ["lie"]

    def ready(self):
        super().ready()
        # It imports NetBox's models, which there are only now.
        from . import lies

        getattr(lies, settings.PLUGINS_CONFIG["lying"]["lie"])()


config = Lying
