{#- The source systems, each with its name for people: dbt has to know when it parses a model which
    raw tables it reads. tests/test_conventions.py holds the list equal to extract/sources/. -#}
{% macro source_systems() %}
    {{ return([
        ('jira', 'Jira'),
        ('github', 'GitHub'),
        ('jenkins', 'Jenkins'),
        ('gitlab', 'GitLab'),
        ('servicenow', 'ServiceNow'),
        ('inbox', 'Inbox'),
        ('feeds', 'Feeds'),
    ]) }}
{% endmacro %}
