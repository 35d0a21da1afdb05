"""Documents of a model: model card, validation report and adverse-action table."""
