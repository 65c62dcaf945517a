"""Fine-grained video-language matching with exact Hierarchical Banzhaf Interaction."""

__version__ = "0.1.0"
