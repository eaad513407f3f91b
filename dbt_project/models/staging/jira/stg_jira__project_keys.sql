with

projects as (

    select
        id,
        key,
        {{ parse_json('payload', {'projectKeys': ['VARCHAR']}) }} as payload

    from {{ source('jira', 'projects') }}

),

seen as (

    select
        id,
        {{ parse_json('payload', {'key': 'VARCHAR'}) }} as payload

    from {{ source('jira', 'snapshots') }}

    where object = 'projects'

),

-- Jira lists the former keys where it is asked to; what loads saw is known besides.
known_keys as (

    select
        id as project_id,
        key as project_key

    from projects

    union

    select
        projects.id as project_id,
        project_key

    from projects

    {{ each('projects.payload.projectKeys', 'project_key', 'key_no') }}

    union

    select
        id as project_id,
        payload.key as project_key

    from seen

),

renamed as (

    select
        known_keys.project_id || ':' || known_keys.project_key as project_key_id,
        known_keys.project_id,
        known_keys.project_key,
        known_keys.project_key = projects.key as is_present

    from known_keys

    inner join projects
        on known_keys.project_id = projects.id

    where known_keys.project_key is not null

)

select * from renamed
