"""The paper's experiment from the data to the report: planned, then done stage by stage; what is done is not redone."""
