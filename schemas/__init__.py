"""Data: JSON Schemas, the notice catalogue, policies and the words of the interface."""
