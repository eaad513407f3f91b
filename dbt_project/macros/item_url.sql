{#- Where people open a work item: built from the address of its tool's pages, which the refresh passes
    as FLOWHOUSE_WEB_ADDRESSES, a JSON object by source. Null where nobody tells that address.
    Read when a model runs, as as_of() is. -#}
{% macro item_url(source_system, item_kind, item_key, work_item_key) -%}
    {%- set addresses = fromjson(env_var('FLOWHOUSE_WEB_ADDRESSES', '') or '{}') if execute else {} -%}
    {%- set paths = {
        'jira': "'/browse/' || " ~ item_key,
        'github': "'/' || replace(" ~ item_key ~ ", '#', case when " ~ item_kind
            ~ " = 'pull_request' then '/pull/' else '/issues/' end)",
        'gitlab': "'/' || replace(replace(" ~ item_key
            ~ ", '#', '/-/issues/'), '!', '/-/merge_requests/')",
        'servicenow': "'/nav_to.do?uri=' || replace(replace(replace(" ~ work_item_key
            ~ ", 'servicenow:request:', 'sc_req_item:'), 'servicenow:', ''), ':', '.do?sys_id=')",
    } -%}
    {%- if not addresses -%}
    cast(null as varchar)
    {%- else -%}
    case
    {%- for source, path in paths.items() if addresses.get(source) %}
        when {{ source_system }} = '{{ source }}'
            then '{{ addresses[source] | replace("'", "''") }}' || {{ path }}
    {%- endfor %}
    end
    {%- endif -%}
{%- endmacro %}
