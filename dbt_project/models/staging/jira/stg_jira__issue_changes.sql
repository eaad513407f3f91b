{%- set raw = {
    'source': 'jira',
    'table': 'histories',
    'keys': {'issue_id': 'issue_id', 'history_id': 'id'}
} -%}
{{ config(materialized='incremental', incremental_strategy='loads', meta={'raw': raw}) }}

with

source as (

    select
        id,
        issue_id,
        created_at,
        place,
        _dlt_load_id,
        {{ parse_json('payload', {
            'author': {'person_key': 'VARCHAR', 'actor_type': 'VARCHAR'},
            'items': [{
                 'field': 'VARCHAR',
                 'fieldId': 'VARCHAR',
                 'fieldtype': 'VARCHAR',
                 'from': 'VARCHAR',
                 'fromString': 'VARCHAR',
                 'to': 'VARCHAR',
                 'toString': 'VARCHAR',
                 'role': 'VARCHAR'
             }]
        }) }} as payload

    from {{ source('jira', 'histories') }}
    {{ only_new_loads(raw) }}

),

renamed as (

    select
        source.issue_id || ':' || source.id || ':' || item_no as issue_change_id,
        'jira:' || source.issue_id as work_item_key,
        source.issue_id,
        source.id as history_id,
        -- Custom fields are called what a site calls them; here they are called by their role.
        -- Jira's own have an id, or, as Data Center writes them, a name only.
        case
            when item.role = 'story_points' then 'Story Points'
            when item.role = 'team' then 'Team'
            when item.role = 'flagged' then 'Flagged'
            when item.role = 'sprints' then 'Sprint'
            when item.role = 'epic_key' then 'Epic Link'
            when item.role = 'parent_key' then 'Parent Link'
            when item.fieldtype = 'custom' or substr(item.fieldId, 1, 12) = 'customfield_'
                then 'custom: ' || coalesce(item.field, item.fieldId)
            else case lower(coalesce(item.fieldId, item.field))
                when 'issuekey' then 'Key'
                when 'key' then 'Key'
                when 'issue type' then 'issuetype'
                when 'issueparentassociation' then 'Parent'
                when 'parent' then 'Parent'
                when 'status' then 'status'
                when 'project' then 'project'
                when 'issuetype' then 'issuetype'
                when 'priority' then 'priority'
                when 'resolution' then 'resolution'
                when 'issuelinks' then 'issuelinks'
                when 'link' then 'issuelinks'
                when 'fixversions' then 'fixVersions'
                when 'fix version' then 'fixVersions'
                when 'versions' then 'versions'
                when 'version' then 'versions'
                else item.field
            end
        end as field,
        item.fieldId as field_id,
        nullif(item."from", '') as from_id,
        {{ plain_name('item.fromString') }} as from_name,
        nullif(item."to", '') as to_id,
        {{ plain_name('item.toString') }} as to_name,
        source.payload.author.person_key as actor_key,
        source.payload.author.actor_type as actor_type,
        -- Ids of entries grow, where nobody imported them; their place is known from their chain.
        coalesce(
            source.place, cast({{ safe_cast_text('source.id', 'bigint') }} as bigint), 0
        ) as order_no,
        item_no,
        source._dlt_load_id as load_id,
        {{ utc('source.created_at') }} as changed_at

    from source

    {{ each('source.payload.items', 'item', 'item_no') }}

)

select * from renamed
